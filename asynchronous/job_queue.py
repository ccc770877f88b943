"""What this pattern keeps in Redis, and the proxy's way to it. `consumer.py` is the worker's way.

    key               what                                      lifetime
    {job_id}_image    the image's bytes as they came            until done or refused; DEAD_LETTER_LIFETIME if given up
    {job_id}_job      hash: status, attempts, times, result     RESULT_LIFETIME after the job's end
    jobs              stream, an entry for each living job      longer than any job in it; every new job renews it
    dead_letters      stream: jobs expired or given up, why     DEAD_LETTER_LIFETIME
    job_counters      hash: totals for /metrics                 COUNTERS_LIFETIME after the last change
    jobs_finished     channel: the ids of jobs that ended

The stream's length is the number of jobs queued or in flight. An entry in a consumer's pending list is a lease: it
lapses when it is not renewed, and another takes the job up. Every change is one atomic step of `job_queue.lua`, which
names its keys as it goes: not for Redis Cluster.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from .schemas import Job
from .settings import Settings

RECORD, IMAGE = "_job", "_image"
QUEUE, GROUP, NOBODY = "jobs", "workers", "nobody"  # entries that were given back are nobody's
DEAD_LETTERS, COUNTERS, FINISHED = "dead_letters", "job_counters", "jobs_finished"
COUNTERS_LIFETIME, CONSUMER_LIFETIME, MAX_DEAD_LETTERS = 30 * 86_400, 3600, 10_000  # seconds, seconds, entries

# Not there, too slow, loading, full, or demoted: it comes back, so callers wait or answer 503, and nothing crashes.
REDIS_AWAY = (redis.ConnectionError, redis.TimeoutError, OutOfMemoryError, ReadOnlyError)


def raise_if_away(error: ResponseError) -> None:
    """Count a Redis that may not write now, for want of disk or replicas, among REDIS_AWAY."""
    if str(error).startswith(("MISCONF", "NOREPLICAS")):
        raise redis.ConnectionError(str(error)) from error


class QueueFull(Exception):
    """MAX_QUEUED_JOBS are queued or in flight; the job was not accepted."""


def steps(settings: Settings) -> str:
    """Return the Lua script, with the names above and the limits in `settings` in front of it."""
    seconds = {"COUNTERS_LIFETIME": COUNTERS_LIFETIME, "CONSUMER_LIFETIME": CONSUMER_LIFETIME, "LEASE": settings.lease}
    for name in ("job_lifetime", "result_lifetime", "dead_letter_lifetime"):
        seconds[name.upper()] = getattr(settings, name)
    numbers = {name: int(value * 1000) for name, value in seconds.items()}
    numbers |= {"MAX_ATTEMPTS": settings.max_attempts, "MAX_QUEUED_JOBS": settings.max_queued_jobs}
    numbers |= {"MAX_DEAD_LETTERS": MAX_DEAD_LETTERS}
    texts = {"RECORD": RECORD, "IMAGE": IMAGE, "QUEUE": QUEUE, "GROUP": GROUP, "NOBODY": NOBODY}
    texts |= {"DEAD_LETTERS": DEAD_LETTERS, "COUNTERS": COUNTERS, "FINISHED": FINISHED}
    names = "".join(f"local {name} = {value!r}\n" for name, value in (numbers | texts).items())
    return names + Path(__file__).with_suffix(".lua").read_text()


class JobQueue:
    """The proxy's side: hand jobs in, read them, wait for them. Every method may raise one of REDIS_AWAY."""

    def __init__(self, settings: Settings) -> None:
        limits = {"max_connections": 64, "timeout": 5, "socket_timeout": 2, "socket_connect_timeout": 1}
        retry = Retry(ExponentialBackoff(cap=0.4, base=0.1), 3)  # a connection that broke is not at once a 503
        pool = redis.asyncio.BlockingConnectionPool.from_url(settings.redis_url, retry=retry, **limits)
        self._redis = redis.asyncio.Redis.from_pool(pool)
        self._script = self._redis.register_script(steps(settings))
        # One event for all who wait for a job; it is gone when the last of them is.
        self._waiting: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    async def _run(self, step: str, *args: str | bytes) -> Any:
        try:
            return await self._script(args=[step, *args])
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
        flat = await self._run("read", job_id)
        fields = {key.decode(): value.decode() for key, value in zip(flat[::2], flat[1::2], strict=True)}
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
        totals = {key.decode(): float(value) for key, value in zip(flat[::2], flat[1::2], strict=True)}
        now = {"queued": depth - held, "in_flight": held, "oldest_seconds": oldest / 1000, "dead_letters": dead}
        return totals | now
