"""Pools that close a connection when its Redis is demoted, and use a broken connection last.

So the next connection may lead to the new master, and good connections are used while Redis refuses new ones.
A connection that was reset while it was idle is replaced.
"""

from typing import Any, Self

import redis.asyncio
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import ConnectionError, MasterDownError, ReadOnlyError


class _Healing:
    _available_connections: list[Any]

    async def get_connection(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().get_connection(*args, **options)  # type: ignore[misc]
        except ConnectionError:
            if not (self._available_connections and self._available_connections[-1].is_connected):
                raise
            return await super().get_connection(*args, **options)  # type: ignore[misc]

    async def release(self, connection: Any) -> None:
        await super().release(connection)  # type: ignore[misc]
        if not connection.is_connected and connection in self._available_connections:
            self._available_connections.remove(connection)
            self._available_connections.insert(0, connection)


class _Leaving:
    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]
        except (ReadOnlyError, MasterDownError) as error:
            self.disconnect()  # type: ignore[attr-defined]
            raise ConnectionError(f"this Redis is no longer the master: {error}") from error


class _Replaced:
    """Reports a reset connection as an error that makes redis-py connect again."""

    async def send_packed_command(self, *args: Any, **options: Any) -> None:
        try:
            await super().send_packed_command(*args, **options)  # type: ignore[misc]
        except RuntimeError as error:  # uvloop raises it where asyncio's own loop raises an OSError
            raise ConnectionError(f"the connection was reset: {error}") from error


class _LeavingAsync(_Replaced):
    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)  # type: ignore[misc]
        except (ReadOnlyError, MasterDownError) as error:
            await self.disconnect()  # type: ignore[attr-defined]
            raise ConnectionError(f"this Redis is no longer the master: {error}") from error


class Pool(redis.ConnectionPool):
    """For one Redis."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        pool = super().from_url(url, **options)
        pool.connection_class = type("Leaving", (_Leaving, pool.connection_class), {})
        return pool


class HealingPool(_Healing, redis.asyncio.ConnectionPool):
    """For one Redis."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        pool = super().from_url(url, **options)
        pool.connection_class = type("Leaving", (_LeavingAsync, pool.connection_class), {})
        return pool


class HealingSentinelPool(_Healing, SentinelConnectionPool):
    """For the master that the Sentinels name."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self.connection_class = type("Replaced", (_Replaced, self.connection_class), {})

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:  # the client is being closed
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


class Cluster(redis.asyncio.RedisCluster):
    """For the nodes of a cluster."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        kind = type("Replaced", (_Replaced, self.connection_kwargs["connection_class"]), {})
        self.connection_kwargs["connection_class"] = kind
        for node in self.nodes_manager.startup_nodes.values():
            node.connection_class = kind
