"""Try the script, its commands, its keys and its channels: `step.lua` does it, on a job that never exists."""

import uuid
from typing import Any

from fastapi import FastAPI

from ..job_queue import JobQueue
from .dangers import look_at_redis
from .metrics import danger_metrics


class Probe:
    """Finds what an operator must correct, before a job is accepted that could not be done."""

    def __init__(self, queue: JobQueue) -> None:
        self._run, self._has_succeeded = queue.run, False

    async def check(self) -> None:
        """Check that a job could be accepted and done now; otherwise raise RedisAway."""
        job_id = uuid.uuid4().hex
        await self._run("probe", job_id, jobs=[job_id])
        self._has_succeeded = True

    async def run(self, step: str, *args: str | bytes, **options: Any) -> Any:
        """Run a step. Until a check has succeeded, check before each submit; later, steps report errors themselves."""
        if step.startswith("submit") and not self._has_succeeded:
            await self.check()
        return await self._run(step, *args, **options)


def add_checks(app: FastAPI) -> None:
    """Look at Redis now; let `/ready` probe it, and accept no job before a probe has succeeded."""
    app.state.metrics.append(danger_metrics(look_at_redis(app.state.settings)))
    probe = Probe(app.state.queue)
    app.state.checks.append(probe.check)
    app.state.queue.run = probe.run
