"""The proxy's side of the queue: submit jobs, read them, wait for their ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ReadOnlyError, RedisError

from .errors import ServiceError
from .keys import is_away, script
from .schemas import Job
from .settings import Settings

CONNECTIONS = 64
STEP_SECONDS = 10  # including the time that a step waits for a connection
POLL_SECONDS = 0.2


class RedisAway(ServiceError):
    """Redis is not available; it may nevertheless have accepted the job."""

    status, headers = 503, {"Retry-After": "5"}


class QueueFull(ServiceError):
    """MAX_QUEUED_JOBS are queued or in flight; the job was not accepted."""

    status, headers = 503, {"Retry-After": "5"}


class JobQueue:
    """A pool of connections to Redis. Every method may raise RedisAway."""

    def __init__(self, settings: Settings) -> None:
        limits: dict[str, Any] = {"max_connections": CONNECTIONS + 8, "socket_timeout": 2, "socket_connect_timeout": 1}
        retry = Retry(ExponentialBackoff(cap=0.4, base=0.1), 3)  # one broken connection must not become a 503
        self.redis = redis.asyncio.Redis.from_url(settings.redis_url, retry=retry, **limits)
        self._script = self.redis.register_script(script(settings))
        self._turns = asyncio.Semaphore(CONNECTIONS)  # first come, first served
        # Optional folders replace these two.
        self.submit_step: Callable[[str, bytes], Awaitable[bytes]] = self._submit_alone
        self.wait: Callable[[str, float], Awaitable[Job | None]] = self._wait_by_reading

    async def run(self, step: str, *args: str | bytes) -> Any:
        return await self._call(lambda: self._script(args=[step, *args]))

    async def ping(self) -> None:
        await self._call(self.redis.ping)

    async def _call(self, command: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(STEP_SECONDS), self._turns:
                return await command()
        except (TimeoutError, RedisError) as error:
            if isinstance(error, ReadOnlyError):  # demoted: only a new connection can reach its successor
                await self.redis.connection_pool.disconnect(inuse_connections=False)
            if is_away(error):
                raise RedisAway(f"Redis: not available ({type(error).__name__}), try again later") from error
            raise

    async def submit(self, job_id: str, image: bytes) -> str:
        """Store image, record and place in the queue in one step, which is safe to repeat; return `job_id`."""
        if await self.submit_step(job_id, image) == b"full":
            raise QueueFull("queue: MAX_QUEUED_JOBS are in it, try again later")
        return job_id

    async def _submit_alone(self, job_id: str, image: bytes) -> bytes:
        [answer] = await self.run("submit", job_id, image)
        return bytes(answer)

    async def read(self, job_id: str) -> Job | None:
        """Return the job as it is now; None if it is unknown or was deleted RESULT_LIFETIME after its end."""
        flat = [value.decode() if isinstance(value, bytes) else value for value in await self.run("read", job_id)]
        record: dict[str, Any] = dict(zip(flat[::2], flat[1::2], strict=True))
        return Job.model_validate({**record, "job_id": job_id}) if record else None

    async def _wait_by_reading(self, job_id: str, seconds: float) -> Job | None:
        """Return the job as soon as it has ended, else as it is after `seconds`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            job, left = await self.read(job_id), end - loop.time()
            if job is None or job.ended or left <= 0:
                return job
            await asyncio.sleep(min(POLL_SECONDS, left))
