"""The proxy's side of the queue: submit jobs, read them, wait for their ends."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .connection import ERRORS, connect_async, explain
from .errors import ServiceError
from .keys import Script
from .schemas import Job
from .settings import Settings

STEP_SECONDS = 10  # including the time that a step waits for a connection
POLL_SECONDS = 0.2


class QueueFull(ServiceError):
    """MAX_QUEUED_JOBS are queued or in flight; the job was not accepted."""

    status, headers = 503, {"Retry-After": "5"}


class JobQueue:
    """A pool of connections to Redis. Every method may raise RedisAway."""

    def __init__(self, settings: Settings) -> None:
        self.redis, script = connect_async(settings), Script(settings)
        self.keys, self._script = script.keys, self.redis.register_script(script.text)
        self._turns = asyncio.Semaphore(settings.redis_connections)  # first come, first served
        # Optional folders replace these two.
        self.submit_step: Callable[[str, bytes, str], Awaitable[bytes]] = self._submit_alone
        self.wait: Callable[[str, float], Awaitable[Job | None]] = self._wait_by_reading

    async def run(self, step: str, *args: str | bytes, jobs: Sequence[str] = (), keys: Sequence[str] = ()) -> Any:
        """Run a step that touches only the keys of `jobs`, the `keys`, and the keys that all jobs share."""
        return await self.call(lambda: self._script(keys=[*self.keys.of_step(jobs), *keys], args=[step, *args]))

    async def call(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """Return what `command` returns; translate Redis's errors."""
        try:
            async with asyncio.timeout(STEP_SECONDS), self._turns:
                return await command()
        except ERRORS as error:
            raise explain(error) from error

    async def submit(self, job_id: str, image: bytes, fields: str = "") -> str:
        """Store image, record (`fields` for it: a JSON list) and queue entry in one step, which is safe to repeat."""
        if await self.submit_step(job_id, image, fields) == b"full":
            raise QueueFull("queue: MAX_QUEUED_JOBS are in it, try again later")
        return job_id

    async def _submit_alone(self, job_id: str, image: bytes, fields: str) -> bytes:
        [answer] = await self.run("submit", job_id, image, fields, jobs=[job_id])
        return bytes(answer)

    async def read(self, job_id: str) -> Job | None:
        """Return the job as it is now; None if it is unknown or was deleted RESULT_LIFETIME after its end."""
        answer = await self.run("read", job_id, jobs=[job_id])
        flat = [value.decode() if isinstance(value, bytes) else value for value in answer]
        return Job.of_record(job_id, dict(zip(flat[::2], flat[1::2], strict=True))) if flat else None

    async def _wait_by_reading(self, job_id: str, seconds: float) -> Job | None:
        """Return the job as soon as it has ended, else as it is after `seconds`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            job, left = await self.read(job_id), end - loop.time()
            if job is None or job.ended or left <= 0:
                return job
            await asyncio.sleep(min(POLL_SECONDS, left))
