"""Read the body of a request in bounded memory and time, or refuse it with a reason."""

import asyncio
from time import monotonic

from starlette.requests import Request
from starlette.types import Receive


class Refused(Exception):
    """The caller's fault: an HTTP status, a message that names the field and the limit, and a reason to count it by."""

    def __init__(self, status: int, message: str, reason: str = "invalid") -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


def header(request: Request, name: bytes) -> bytes:
    """Return a header's value, or nothing; Starlette's `headers` would first make an object of all of them."""
    for key, value in request.scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


class BodyReader:
    """Reads bodies of at most `max_bytes` that arrive within `seconds`.

    It has one timer for all that it waits for. An `asyncio.timeout` for each, set and taken back, would take a
    twentieth of the time of a request with one row.
    """

    def __init__(self, max_bytes: int, seconds: float) -> None:
        self._max_bytes, self._seconds = max_bytes, seconds
        self._due: dict[asyncio.Task[object], float] = {}  # the first to begin is the first to be due
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, request: Request) -> bytearray:
        """Return the whole body.

        Raises:
            Refused: 400 cut off, 408 too slow, 413 too large; the last without reading on, or at all if the length
                says so.
        """
        self._check_size(int(header(request, b"content-length") or 0))
        task = asyncio.current_task()
        assert task is not None, "there is no task to cancel"
        self._due[task] = monotonic() + self._seconds
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._cancel_what_is_due)
        try:
            return await self._receive(request.receive)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            self._late.remove(task)
            task.uncancel()
            raise Refused(408, f"body: not complete after {self._seconds:g} seconds", "too_slow") from None
        finally:
            self._due.pop(task, None)

    def _cancel_what_is_due(self) -> None:
        self._timer, now = None, monotonic()
        for task, due in list(self._due.items()):
            if due > now:
                self._timer = asyncio.get_running_loop().call_later(due - now, self._cancel_what_is_due)
                break
            del self._due[task]
            self._late.add(task)
            task.cancel()

    async def _receive(self, receive: Receive) -> bytearray:
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "body: the connection closed before its end", "cut_off")
            body += message.get("body", b"")
            self._check_size(len(body))  # a chunked body announces no length
            more = message.get("more_body", False)
        return body

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise Refused(413, f"body: larger than the limit of {self._max_bytes} bytes", "too_large")
