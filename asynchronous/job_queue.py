"""The proxy's way to the queue: hand jobs in, read them, wait for their ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from weakref import WeakValueDictionary

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ResponseError

from .keys import FINISHED, REDIS_AWAY, raise_if_away, steps
from .schemas import Job
from .settings import Settings


class QueueFull(Exception):
    """MAX_QUEUED_JOBS are queued or in flight; the job was not accepted."""


def _as_dict(flat: list[bytes]) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in zip(flat[::2], flat[1::2], strict=True)}


class JobQueue:
    """A connection pool, and one subscription for all who wait. Every method may raise one of REDIS_AWAY."""

    def __init__(self, settings: Settings) -> None:
        limits = {"max_connections": 64, "timeout": 5, "socket_timeout": 2, "socket_connect_timeout": 1}
        retry = Retry(ExponentialBackoff(cap=0.4, base=0.1), 3)  # a connection that broke is not at once a 503
        pool = redis.asyncio.BlockingConnectionPool.from_url(settings.redis_url, retry=retry, **limits)
        self._redis = redis.asyncio.Redis.from_pool(pool)
        self._script = self._redis.register_script(steps(settings))
        # One event for all who wait for a job; it is gone when the last of them is.
        self._waiting: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    async def _run(self, *args: str | bytes) -> Any:
        try:
            return await self._script(args=args)
        except ResponseError as error:
            raise_if_away(error)
            raise

    async def submit(self, job_id: str, image: bytes) -> None:
        """Store the image, the record and the place in the queue in one step, which may safely be repeated.

        Raises:
            QueueFull: nothing was stored.
        """
        if not await self._run("submit", job_id, image):
            raise QueueFull

    async def read(self, job_id: str) -> Job | None:
        """Return the job as it is now, or None when it is unknown or was forgotten RESULT_LIFETIME after its end."""
        fields = _as_dict(await self._run("read", job_id))
        return Job.model_validate(fields | {"job_id": job_id}) if fields else None

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        """Return the job as soon as it has ended, else as it is after `seconds`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            over = self._waiting.setdefault(job_id, asyncio.Event())  # before reading, so that no end goes unheard
            job = await self.read(job_id)
            left = until - loop.time()
            if job is None or job.ended or left <= 0:
                return job
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), min(left, job.seconds_left))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Wake those who wait while this context lasts, then close all connections."""
        listener = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            while not listener.done():  # redis-py swallows a cancellation that comes while it connects
                listener.cancel()
                await asyncio.wait([listener], timeout=0.1)
            await self._redis.aclose()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(FINISHED)
                    async for message in channel.listen():
                        self._heard(message)
            except REDIS_AWAY:
                await asyncio.sleep(0.5)

    def _heard(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            over = [self._waiting.get(job_id) for job_id in message["data"].decode().split()]
        else:  # subscribed, perhaps not for the first time: ends may have gone unheard, so everyone looks again
            over, self._waiting = list(self._waiting.values()), WeakValueDictionary()
        for event in filter(None, over):
            event.set()

    async def ping(self) -> None:
        await self._redis.ping()

    async def stats(self) -> dict[str, float]:
        """Return `queued`, `in_flight`, `oldest_seconds`, `dead_letters` and the totals counted so far."""
        depth, held, oldest, dead, flat = await self._run("stats")
        totals = {name: float(total) for name, total in _as_dict(flat).items()}
        now = {"queued": depth - held, "in_flight": held, "oldest_seconds": oldest / 1000, "dead_letters": dead}
        return totals | now
