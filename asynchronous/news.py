"""Hear from Redis what happened to jobs, over one subscription for all who wait in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

import redis.asyncio

from .keys import CHANGED, ENDED, REDIS_AWAY


class News:
    """`over`: this process is about to end, and nobody is to wait any longer."""

    def __init__(self) -> None:
        # One event for all who wait for the same news of a job; it is gone when the last of them is.
        self._waiting: WeakValueDictionary[tuple[str, str], asyncio.Event] = WeakValueDictionary()
        self.over = False

    def of(self, channel: str, job_id: str) -> asyncio.Event:
        """Return an event that is set at the next news of this job on CHANGED or ENDED."""
        return self._waiting.setdefault((channel, job_id), asyncio.Event())

    def let_go(self) -> None:
        """Wake all who wait, now and from now on."""
        self.over = True
        self._wake_all()

    @asynccontextmanager
    async def heard_over(self, connections: redis.asyncio.Redis) -> AsyncIterator[None]:
        """Listen while this context lasts."""
        listener = asyncio.create_task(self._listen(connections))
        try:
            yield
        finally:
            while not listener.done():  # redis-py swallows a cancellation that comes while it connects
                listener.cancel()
                await asyncio.wait([listener], timeout=0.1)

    async def _listen(self, connections: redis.asyncio.Redis) -> None:
        while True:
            try:
                async with connections.pubsub() as subscription:
                    await subscription.subscribe(ENDED, CHANGED)
                    async for message in subscription.listen():
                        self._hear(message)
            except REDIS_AWAY:
                await asyncio.sleep(0.5)

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] != "message":  # subscribed, perhaps not for the first time: some may have gone unheard
            return self._wake_all()
        channel = message["channel"].decode()
        for job_id in message["data"].decode().split():
            if event := self._waiting.pop((channel, job_id), None):
                event.set()

    def _wake_all(self) -> None:
        events, self._waiting = list(self._waiting.values()), WeakValueDictionary()
        for event in events:
            event.set()
