"""The limit on requests in flight, and the answer to a request beyond the limit."""

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ServiceError, answer_error


class Overloaded(ServiceError):
    """The worker has reached its limit of requests in flight."""

    status, reason, headers = 503, "overloaded", {"retry-after": "1"}


class InFlightLimit:
    """ASGI middleware: at most `limit` requests in flight in one worker; the next is refused before its body is read,
    unless its path is one of `admitted`.

    A prediction never waits, so of all requests that have arrived only one has begun. The others wait as tasks of the
    event loop: uvicorn makes a task of each request that arrived since the last iteration. A request that has ended
    therefore frees its slot only in the next iteration. In one iteration the first `limit` requests are answered and
    the others refused at once, so an admitted request waits for at most `limit` others, however many were sent.
    (uvicorn's own `limit_concurrency` counts idle connections too, and refuses probes.)
    """

    depth = 2

    def __init__(self, app: ASGIApp, limit: int, admitted: set[str]) -> None:
        self._app, self._limit, self._admitted = app, limit, admitted
        self._in_flight, self._ended = 0, 0
        self._why = f"overloaded: this worker has {limit} requests in flight, which is its limit; try again"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request if a slot is free."""
        # An overloaded worker must not look like a dead one.
        if scope["type"] != "http" or scope["path"] in self._admitted:
            return await self._app(scope, receive, send)
        if self._in_flight >= self._limit:
            refusal = await answer_error(Request(scope), Overloaded(self._why))
            return await refusal(scope, receive, send)
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            if not self._ended:
                asyncio.get_running_loop().call_soon(self._free_slots)
            self._ended += 1

    def _free_slots(self) -> None:
        self._in_flight -= self._ended
        self._ended = 0
