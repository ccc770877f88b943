"""The proxy's way to the queue: hand jobs in, read them, wait for their ends."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ReadOnlyError, ResponseError

from .keys import CHANGED, ENDED, REDIS_AWAY, raise_if_away, steps
from .news import News
from .schemas import Job
from .settings import Settings
from .together import Together

CONNECTIONS = 64


class QueueFull(Exception):
    """MAX_QUEUED_JOBS are queued or in flight; the job was not accepted."""


class KeyReused(Exception):
    """This Idempotency-Key belongs to a job with another image; the job was not accepted."""


_REFUSALS = {"full": QueueFull, "conflict": KeyReused}


def _as_dict(flat: list[bytes]) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in zip(flat[::2], flat[1::2], strict=True)}


class JobQueue:
    """A connection pool, and one subscription for all who wait. Every method may raise one of REDIS_AWAY."""

    def __init__(self, settings: Settings) -> None:
        # For as many as may ask at once, the subscription, and some who ask whether it is ready.
        limits = {"max_connections": CONNECTIONS + 8, "timeout": 5, "socket_timeout": 2, "socket_connect_timeout": 1}
        retry = Retry(ExponentialBackoff(cap=0.4, base=0.1), 3)  # a connection that broke is not at once a 503
        pool = redis.asyncio.BlockingConnectionPool.from_url(settings.redis_url, retry=retry, **limits)
        self._redis = redis.asyncio.Redis.from_pool(pool)
        self._script = self._redis.register_script(steps(settings))
        self._turns = asyncio.Semaphore(CONNECTIONS)  # first come, first served; a connection pool lets some starve
        self._together = Together(lambda parts: self._run("submit", *parts))
        self._news = News()

    async def _run(self, *args: str | bytes) -> Any:
        try:
            async with asyncio.timeout(5):
                await self._turns.acquire()
        except TimeoutError:
            raise redis.ConnectionError("too many are waiting for it") from None
        try:
            return await self._script(args=args)
        except ReadOnlyError:  # demoted: a new connection may lead to its successor, this one never will
            await self._redis.connection_pool.disconnect(inuse_connections=False)
            raise
        except ResponseError as error:
            raise_if_away(error)
            raise
        finally:
            self._turns.release()

    async def submit(self, job_id: str, image: bytes, key: str = "") -> str:
        """Store the image, the record and the place in the queue in one step, which may safely be repeated.

        Returns `job_id`, or the id of the job that the same image with the same `key` made before.

        Raises:
            QueueFull: nothing was stored.
            KeyReused: nothing was stored.
        """
        names = [hashlib.sha256(text).hexdigest() for text in (key.encode(), image)] if key else ["", ""]
        answer = (await self._together.submit(job_id, image, *names)).decode()
        if answer in _REFUSALS:
            raise _REFUSALS[answer]
        return answer

    async def read(self, job_id: str) -> Job | None:
        """Return the job as it is now, or None when it is unknown or was forgotten RESULT_LIFETIME after its end."""
        flat, position = await self._run("read", job_id)
        fields: dict[str, Any] = {**_as_dict(flat), "job_id": job_id, "queue_position": position or None}
        return Job.model_validate(fields) if flat else None

    async def wait(self, job_id: str, seconds: float, seen: Job | None = None) -> Job | None:
        """Return the job as soon as it has ended, else as it is after `seconds`.

        With `seen`, the job as it was, return it also as soon as it is in another state or another attempt.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            # Before reading, so that nothing goes unheard.
            news = self._news.of(CHANGED if seen else ENDED, job_id)
            job = await self.read(job_id)
            left = until - loop.time()
            if job is None or job.ended or left <= 0 or self._news.over or (seen and seen.differs_from(job)):
                return job
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), min(left, job.seconds_left))

    async def follow(self, job: Job) -> AsyncIterator[Job]:
        """Yield `job`, and again each time it has changed, until it has ended; a Redis that is away is waited for."""
        yield job
        while not (job.ended or self._news.over):
            try:
                later = await self.wait(job.job_id, 60, job)
            except REDIS_AWAY:
                await asyncio.sleep(0.5)
                continue
            if later is None:
                return
            if later.differs_from(job):
                yield (job := later)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Wake those who wait while this context lasts, then close all connections."""
        try:
            async with self._news.heard_over(self._redis):
                yield
        finally:
            await self._redis.aclose()

    def let_go(self) -> None:
        """Answer all who wait or follow, now and from now on, with the job as it is."""
        self._news.let_go()

    async def ping(self) -> None:
        await self._redis.ping()

    async def stats(self) -> dict[str, float]:
        """Return `queued`, `in_flight`, `oldest_seconds`, `dead_letters` and the totals counted so far."""
        depth, held, oldest, dead, flat = await self._run("stats")
        totals = {name: float(total) for name, total in _as_dict(flat).items()}
        now = {"queued": depth - held, "in_flight": held, "oldest_seconds": oldest / 1000, "dead_letters": dead}
        return totals | now
