"""Learn from Redis that jobs have changed, over one subscription for all clients that wait in this process."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from weakref import WeakValueDictionary

from ..connection import ERRORS
from ..errors import RedisAway
from ..job_queue import JobQueue
from ..keys import RECORD
from ..schemas import Job
from .channels import CHANGED, ENDED

RECONNECT_SECONDS = 0.5
SILENT_SECONDS = 5.0  # without a message, after which the connection must answer a PING


class Subscription:
    """One event for each job and channel that someone waits for; it is deleted with the last waiting caller."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._events: WeakValueDictionary[tuple[str, str], asyncio.Event] = WeakValueDictionary()
        self._channels = [queue.keys.prefix + channel for channel in (ENDED, CHANGED)]
        self._stopping = False

    async def wait(self, job_id: str, seconds: float, seen: Job | None = None) -> Job | None:
        """Return the job as soon as it has ended, else as it is after `seconds`.

        With `seen`, an earlier state of the job, return the job also as soon as its state or attempt differs.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            # Before the read, so that no message is missed.
            event = self._events.setdefault((CHANGED if seen else ENDED, job_id), asyncio.Event())
            job, left = await self._glance(job_id), end - loop.time()
            late = left <= 0 or self._stopping or (job and job.expires_at.timestamp() < time.time())
            if job and not job.ended and (late or seen):
                job = await self._queue.read(job_id)  # with its place in the queue, and ended if it has expired
            if job is None or job.ended or left <= 0 or self._stopping or (seen and differs(seen, job)):
                return job
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), min(left, seconds_left(job)))

    async def _glance(self, job_id: str) -> Job | None:
        """Return the job as its record says: with one command, and without running the script."""
        name = f"{self._queue.keys.prefix}{job_id}{RECORD}"
        record = await self._queue.call(lambda: self._queue.redis.hgetall(name))
        decoded = {field.decode(): value.decode() for field, value in record.items()}
        return Job.of_record(job_id, decoded) if record else None

    async def follow(self, job: Job) -> AsyncIterator[Job]:
        """Yield `job`, and yield it again after each change until it has ended; retry while Redis is unavailable."""
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
        """Wake all waiting callers; later callers do not wait."""
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
                await self._queue.redis.initialize()  # a cluster's client learns here which node has the channel
                async with self._queue.redis.pubsub() as subscription:
                    await subscription.subscribe(*self._channels)
                    await self._receive(subscription)
            except (*ERRORS, KeyError):  # KeyError: no node of the cluster has the channel, as during a failover
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _receive(self, subscription: Any) -> None:
        """Wake callers until the connection breaks or stays silent: a dead connection may never raise an error."""
        silent_since, loop = None, asyncio.get_running_loop()
        while silent_since is None or loop.time() < silent_since + SILENT_SECONDS:
            message = await subscription.get_message(timeout=SILENT_SECONDS)
            if message:
                silent_since = None
                self._wake(message)
            elif silent_since is None:
                silent_since = loop.time()
                await subscription.ping()

    def _wake(self, message: dict[str, Any]) -> None:
        if message["type"] == "pong":
            return
        if message["type"] != "message":  # subscribed, perhaps after a break in which messages were missed
            return self._wake_all()
        channel = message["channel"].decode().removeprefix(self._queue.keys.prefix)
        # Anybody who may publish on the channel, which all databases of this Redis share, can send other bytes.
        for job_id in message["data"].decode(errors="replace").split():
            if event := self._events.pop((channel, job_id), None):
                event.set()

    def _wake_all(self) -> None:
        events, self._events = list(self._events.values()), WeakValueDictionary()
        for event in events:
            event.set()


def differs(job: Job, other: Job) -> bool:
    """Return whether the state or the attempt differs."""
    return (job.status, job.attempts) != (other.status, other.attempts)


def seconds_left(job: Job) -> float:
    """Return the time until the job expires; at least a second, since this clock and Redis's may differ."""
    return max(1, job.expires_at.timestamp() - time.time())
