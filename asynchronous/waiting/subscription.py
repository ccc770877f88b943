"""Learn from Redis that jobs have changed, over one subscription for all clients that wait in this process."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from weakref import WeakValueDictionary

from redis.exceptions import RedisError

from ..job_queue import JobQueue, RedisAway
from ..keys import is_away
from ..schemas import Job
from .channels import CHANGED, ENDED

RECONNECT_SECONDS = 0.5


class Subscription:
    """One event for each job and channel that someone waits for; it is deleted with the last waiting caller."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._events: WeakValueDictionary[tuple[str, str], asyncio.Event] = WeakValueDictionary()
        self._stopping = False

    async def wait(self, job_id: str, seconds: float, seen: Job | None = None) -> Job | None:
        """Return the job as soon as it has ended, else as it is after `seconds`.

        With `seen`, an earlier state of the job, return it also as soon as its state or attempt is another.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            # Before the read, so that no message is missed.
            event = self._events.setdefault((CHANGED if seen else ENDED, job_id), asyncio.Event())
            job = await self._queue.read(job_id)
            left = end - loop.time()
            if job is None or job.ended or left <= 0 or self._stopping or (seen and differs(seen, job)):
                return job
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), min(left, seconds_left(job)))

    async def follow(self, job: Job) -> AsyncIterator[Job]:
        """Yield `job`, and yield it again after each change until it has ended; wait for a Redis that is away."""
        yield job
        while not (job.ended or self._stopping):
            try:
                later = await self.wait(job.job_id, 60, job)
            except RedisAway:
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            if later is None:
                return
            if differs(later, job):
                yield (job := later)

    def stop(self) -> None:
        """Wake all callers that wait, now and from now on."""
        self._stopping = True
        self._wake_all()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while this context lasts."""
        listener = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            while not listener.done():  # redis-py swallows a cancellation while it connects
                listener.cancel()
                await asyncio.wait([listener], timeout=0.1)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._queue.redis.pubsub() as subscription:
                    await subscription.subscribe(ENDED, CHANGED)
                    async for message in subscription.listen():
                        self._wake(message)
            except RedisError as error:
                if not is_away(error):
                    raise
                await asyncio.sleep(RECONNECT_SECONDS)

    def _wake(self, message: dict[str, Any]) -> None:
        if message["type"] != "message":  # subscribed, perhaps after a break in which messages were missed
            return self._wake_all()
        channel = message["channel"].decode()
        for job_id in message["data"].decode().split():
            if event := self._events.pop((channel, job_id), None):
                event.set()

    def _wake_all(self) -> None:
        events, self._events = list(self._events.values()), WeakValueDictionary()
        for event in events:
            event.set()


def differs(job: Job, other: Job) -> bool:
    """Return whether state or attempt differ."""
    return (job.status, job.attempts) != (other.status, other.attempts)


def seconds_left(job: Job) -> float:
    """Return the time until the job expires; at least a second, since this clock and Redis's may differ."""
    return max(1, job.expires_at.timestamp() - time.time())
