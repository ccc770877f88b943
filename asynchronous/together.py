"""Do at once what many callers ask for at the same moment."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

MAX_JOBS, MAX_BYTES = 64, 4 * 2**20  # at once, so that a large image holds few others up

Part = str | bytes
Submit = Callable[[Sequence[Part]], Awaitable[Sequence[bytes]]]


class Together:
    """Hands jobs in: those that come while others are on their way go together, in one step of Redis.

    That is one command, one run of the script and one write to the disk for all of them.
    """

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self._coming: deque[tuple[Sequence[Part], asyncio.Future[bytes]]] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def submit(self, *job: Part) -> bytes:
        """Return what `submit` answers for this job; what it raises, it raises for all who have come by then."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._coming.append((job, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())  # it begins after all who are awake now have come
        return await answer

    async def _send(self) -> None:
        while self._coming:
            jobs = self._next()
            answers: Sequence[bytes | Exception]
            try:
                answers = await self._submit([part for job, _ in jobs for part in job])
            except Exception as error:  # noqa: BLE001  it is theirs, whatever it is
                # In turns, each would wait for a Redis that is away as long again, behind more and more others.
                jobs += self._coming
                self._coming.clear()
                answers = [error] * len(jobs)
            for (_, future), answer in zip(jobs, answers, strict=True):
                if future.done():  # whoever asked has gone away
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        self._sender = None

    def _next(self) -> list[tuple[Sequence[Part], asyncio.Future[bytes]]]:
        jobs, size = list[tuple[Sequence[Part], asyncio.Future[bytes]]](), 0
        while self._coming and len(jobs) < MAX_JOBS and size < MAX_BYTES:
            jobs.append(self._coming.popleft())
            size += sum(map(len, jobs[-1][0]))
        return jobs
