"""Limit the size of a body, and the time in which it must arrive.

FastAPI's `max_body_size` is not used here: its answer, often plain text, does not name the limit, and has no timeout.
"""

import asyncio
from collections.abc import Awaitable
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ServiceError
from .unread_body import may_have_body


class BodyTooLarge(ServiceError):
    """The body is larger than the limit."""

    status, reason = 413, "too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"body: larger than the limit of {limit} bytes")


class BodyTooSlow(ServiceError):
    """The body did not arrive in time. Nothing more is read from its connection."""

    status, reason, headers = 408, "too_slow", {"connection": "close"}


class BodyLimits:
    """ASGI middleware: whatever reads a body gets at most `max_bytes` of it within `seconds`, or a `ServiceError`.

    One timer serves all requests. An `asyncio.timeout` for each, started and cancelled, would take a twentieth of
    the time of a request with one row.
    """

    depth = 3

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self._app, self._max_bytes, self._seconds = app, max_bytes, seconds
        self._waiting: dict[asyncio.Task[object], float] = {}  # the deadline of each task
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        if scope["type"] != "http" or not may_have_body(scope):
            return self._app(scope, receive, send)
        size, deadline, complete = 0, 0.0, False

        async def receive_body() -> Message:
            nonlocal size, deadline, complete
            if complete:
                return await receive()
            task = asyncio.current_task()
            assert task is not None, "there is no task to cancel"
            if not deadline:
                if _content_length(scope) > self._max_bytes:
                    raise BodyTooLarge(self._max_bytes)
                deadline = monotonic() + self._seconds
            self._waiting[task] = deadline
            if self._timer is None:
                self._start_timer()
            try:
                message = await receive()
            except asyncio.CancelledError:
                self._raise_if_late(task)
                raise
            finally:
                self._waiting.pop(task, None)
            size += len(message.get("body", b""))
            if size > self._max_bytes:  # a chunked body has no content-length
                raise BodyTooLarge(self._max_bytes)
            complete = not message.get("more_body", False)
            return message

        return self._app(scope, receive_body, send)

    def _raise_if_late(self, task: asyncio.Task[object]) -> None:
        if task in self._late:
            self._late.remove(task)
            task.uncancel()
            raise BodyTooSlow(f"body: not complete after {self._seconds:g} seconds") from None

    def _start_timer(self) -> None:
        seconds = min(self._waiting.values()) - monotonic()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._cancel_late)

    def _cancel_late(self) -> None:
        now = monotonic()
        for task in [task for task, deadline in self._waiting.items() if deadline <= now]:
            del self._waiting[task]
            self._late.add(task)
            task.cancel()
        self._timer = None
        if self._waiting:
            self._start_timer()


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value or 0)
    return 0
