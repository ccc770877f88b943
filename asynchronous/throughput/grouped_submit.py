"""Submit as one group, in one step of Redis, the jobs that arrive while others are being submitted."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from fastapi import FastAPI

from ..job_queue import JobQueue

MAX_JOBS, MAX_BYTES = 64, 4 * 2**20  # of a group, so that a large image delays few others

Value = str | bytes
Submit = Callable[[Sequence[Value]], Awaitable[Sequence[bytes]]]


class GroupedSubmit:
    """A group costs one command, one run of the script and one write to the disk."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self._waiting: deque[tuple[Sequence[Value], asyncio.Future[bytes]]] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def submit(self, *job: Value) -> bytes:
        """Return the answer of `submit` for this job; an error is raised for all jobs that have arrived by then."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())  # it starts after all tasks that are ready to run now
        return await answer

    async def _send(self) -> None:
        while self._waiting:
            jobs = self._next_group()
            answers: Sequence[bytes | Exception]
            try:
                answers = await self._submit([value for job, _ in jobs for value in job])
            except Exception as error:  # noqa: BLE001  the callers get it, whatever it is
                # One group after the other would wait as long for the same Redis, and more jobs would queue meanwhile.
                jobs += self._waiting
                self._waiting.clear()
                answers = [error] * len(jobs)
            for (_, future), answer in zip(jobs, answers, strict=True):
                if future.done():  # its caller has disconnected
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        self._sender = None

    def _next_group(self) -> list[tuple[Sequence[Value], asyncio.Future[bytes]]]:
        jobs, size = list[tuple[Sequence[Value], asyncio.Future[bytes]]](), 0
        while self._waiting and len(jobs) < MAX_JOBS and size < MAX_BYTES:
            jobs.append(self._waiting.popleft())
            size += sum(map(len, jobs[-1][0]))
        return jobs


def group_submits(queue: JobQueue) -> None:
    """Replace the queue's own way to submit."""

    async def submit(values: Sequence[Value]) -> Sequence[bytes]:
        answers: list[bytes] = await queue.run("submit", *values, jobs=[str(job_id) for job_id in values[::3]])
        return answers

    queue.submit_step = GroupedSubmit(submit).submit


def add_grouped_submit(app: FastAPI) -> None:
    """Group the jobs of this app's requests."""
    group_submits(app.state.queue)
