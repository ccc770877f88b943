"""A request that is read with fewer objects than Starlette's, which take a twentieth of the time of one row."""

from typing import Any

from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect


class FastHeaders(Headers):
    """Headers of which few are read."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._list = raw

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of `key`, which is in lower case."""
        wanted = key.encode("latin-1")
        for name, value in self._list:
            if name == wanted:
                return value.decode("latin-1")
        return default


class FastRequest(Request):
    """A request whose headers and body are read as they came."""

    @property
    def headers(self) -> Headers:
        """The headers."""
        return FastHeaders(self.scope["headers"])

    async def body(self) -> bytes:
        """Return the whole body."""
        chunks, more = [], True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        return b"".join(chunks)
