"""End the expired jobs at the head of the queue: `step.lua` does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from ..errors import RedisAway
from ..job_queue import JobQueue

PAUSE_SECONDS = 1.0
MAX_JOBS = 100  # examined in one step


def add_expiry(app: FastAPI) -> None:
    """End expired jobs for as long as the app runs."""
    app.state.contexts.append(_ending_expired_jobs)


async def end_expired(queue: JobQueue) -> None:
    """End the expired jobs at the head of the queue, up to the first job that is open."""
    while oldest := await queue.call(lambda: queue.redis.xrange(queue.keys.stream, count=MAX_JOBS)):
        jobs = [(entry, fields[b"job_id"].decode()) for entry, fields in oldest if b"job_id" in fields]
        pairs = [value for pair in jobs for value in pair]
        if await queue.run("expire", *pairs, jobs=pairs[1::2]) < len(oldest):
            return


@asynccontextmanager
async def _ending_expired_jobs(app: FastAPI) -> AsyncIterator[None]:
    async def repeat() -> None:
        while True:
            with suppress(RedisAway):
                await end_expired(app.state.queue)
            await asyncio.sleep(PAUSE_SECONDS)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        while not task.done():  # redis-py swallows a cancellation while it connects
            task.cancel()
            await asyncio.wait([task], timeout=0.1)
