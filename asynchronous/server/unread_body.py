"""Answer a client before it has sent its whole body, so that the answer arrives.

Twin: web_single/limits, asynchronous/server and batch/api hold this file byte for byte.
"""

import asyncio
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 64 * 2**20  # the most that is read and discarded after an answer
MAX_SECONDS = 5.0


class DiscardUnreadBody:
    """ASGI middleware, outside whatever answers early: it reads the rest of the body before an early answer ends.

    An answer such as 413 is complete before the body is. Where the client asked for `connection: close`, as Python's
    urllib does, the server would then close the connection with unread bytes in it. TCP answers those with a reset,
    and a client that is still sending never sees the answer. A client whose body came too slowly (408) is not waited
    for again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    # Plain functions that return an awaitable: one more coroutine for each message would take a tenth of the time of a
    # request with one row.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        if scope["type"] != "http" or not may_have_body(scope):
            return self._app(scope, receive, send)
        unread, status = True, 0

        async def receive_body() -> Message:
            nonlocal unread
            message = await receive()
            unread = message["type"] == "http.request" and message.get("more_body", False)
            return message

        def send_answer(message: Message) -> Awaitable[None]:
            nonlocal status
            if unread:
                if message["type"] == "http.response.start":
                    status = message["status"]
                elif status != 408 and not message.get("more_body", False):
                    return _end_early(message, receive_body, send)
            return send(message)

        return self._app(scope, receive_body, send_answer)


def may_have_body(scope: Scope) -> bool:
    """Return whether a request may have a body. GET and HEAD have none, unless a header announces one."""
    announced = scope["method"] not in ("GET", "HEAD")
    return announced or any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _end_early(message: Message, receive: Receive, send: Send) -> None:
    await send({**message, "more_body": True})
    await _discard(receive)
    await send({"type": "http.response.body"})


async def _discard(receive: Receive) -> None:
    size, more = 0, True
    try:
        async with asyncio.timeout(MAX_SECONDS):
            while more and size < MAX_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        pass
