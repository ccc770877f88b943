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
JSON_LENGTH = b"inference-header-content-length"
LONGEST_MARK = len(codecs.BOM_UTF8)
READ = {b"content-encoding": (b"", b"identity"), b"transfer-encoding": (b"chunked",)}  # what each header may say
EXPOSED = ["inference-header-content-length", "location", "model-version", "retry-after", "x-request-id"]


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
            expose_headers=EXPOSED,
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
        if prefix := scope.get("root_path"):
            for _ in range(2):  # uvicorn adds the prefix, also where a proxy has kept it
                if scope["path"].startswith(f"{prefix}/"):
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
        first = True

        async def read() -> Message:
            nonlocal first
            message = await receive()
            if first and (body := message.get("body")):
                first = False  # after a refusal, the rest is only read to be discarded
                _check_encodings(scope)
                while body[0] >= FIRST_OF_MARKS and len(body) < LONGEST_MARK and message.get("more_body"):
                    message = await receive()
                    body += message.get("body", b"")
                if body[0] >= FIRST_OF_MARKS and message["type"] == "http.request":
                    return {**message, "body": _unmarked(body, scope)}
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


def _check_encodings(scope: Scope) -> None:
    """Raise `UnreadableBody` for the first header that announces an encoding which is not read."""
    for name, value in scope["headers"]:
        if name in READ and value.lower() not in READ[name]:
            wanted = READ[name][-1].decode()
            raise UnreadableBody(f"{name.decode()}: must be {wanted}, not {value[:60].decode('latin-1')!r}")


def _unmarked(start: bytes, scope: Scope) -> bytes:
    """Return the start of a body without the mark of UTF-8, or raise `UnreadableBody` for UTF-16.

    Where a header says how long the JSON at the start is, the mark counts, so it stays.
    """
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableBody("body: must be UTF-8, not UTF-16")
    return start if JSON_LENGTH in dict(scope["headers"]) else start.removeprefix(codecs.BOM_UTF8)
