"""What clients expect of every HTTP service: HEAD, a body that may begin with a byte order mark, a prefix, CORS.

Twin: web_single/compatibility, asynchronous/compatibility and batch/api hold this file byte for byte.
"""

import codecs
from collections.abc import Awaitable
from typing import Any

from fastapi import FastAPI
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ServiceError

FIRST_OF_MARKS = 0xEF  # no JSON text begins with this byte or a higher one


class UnreadableBody(ServiceError):
    """The body is encoded in a way that the service does not read."""

    status, reason = 415, "encoding"


class ClientSettings(BaseSettings):
    """Environment variables: CORS_ORIGINS is `cors_origins`, with commas between the origins; `*` allows all."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    cors_origins: str = ""


def add_any_client(app: FastAPI) -> None:
    """Add the middleware; browsers of other origins are answered only if CORS_ORIGINS names them."""
    app.add_middleware(AnyClient)
    app.add_middleware(StripPrefix)
    if origins := ClientSettings().cors_origins.replace(",", " ").split():
        app.add_middleware(
            Cors,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["location", "retry-after", "x-request-id"],
        )


class Cors(CORSMiddleware):
    """Starlette's CORS middleware, outside all other layers, so that a browser may also read refusals."""

    depth = -2


class StripPrefix:
    """ASGI middleware: with `--root-path` the path that every other layer sees begins after the prefix."""

    depth = -1

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request. A plain function that returns an awaitable costs less than one more coroutine."""
        prefix = scope.get("root_path")
        if prefix and scope["path"].startswith(f"{prefix}/"):
            scope["path"] = scope["path"].removeprefix(prefix)
        return self._app(scope, receive, send)


class AnyClient:
    """ASGI middleware: HEAD is answered as GET without a body; a body is read without its UTF-8 mark, or refused."""

    depth = 4

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        if scope["method"] == "HEAD":
            return self._answer_head(scope, receive, send)
        encoding, first = dict(scope["headers"]).get(b"content-encoding", b"identity"), True

        async def read() -> Message:
            nonlocal first
            message = await receive()
            body = message.get("body")
            if first and body:
                first = False  # after a refusal, the rest is only read to be discarded
                if body[0] >= FIRST_OF_MARKS or encoding != b"identity":
                    return {**message, "body": _check(body, encoding)}
            return message

        return self._app(scope, read, send)

    async def _answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers that GET would get. The answer ends after them, since a stream of events may never end."""

        as_get: dict[str, Any] = {**scope, "method": "GET"}

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope.update(as_get, method="HEAD")  # the route that was found, for logs and metrics
                await send(message)
                await send({"type": "http.response.body"})

        await self._app(as_get, receive, send_headers)


def _check(start: bytes, encoding: bytes) -> bytes:
    """Return the start of a body without the mark of UTF-8, or raise `UnreadableBody`."""
    if encoding.lower() != b"identity":
        raise UnreadableBody(f"content-encoding: must be identity, not {encoding[:60].decode('latin-1')!r}")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableBody("body: must be UTF-8, not UTF-16")
    return start.removeprefix(codecs.BOM_UTF8)
