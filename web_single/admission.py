"""The limit of requests in flight, and what one beyond it is told."""

import asyncio

from prometheus_client import Counter
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .schemas import problem

# An overloaded worker must not look like a dead one.
ALWAYS_ADMITTED = {"/health", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"}
RETRY_AFTER = "1"  # seconds


class Admission:
    """ASGI middleware: at most `limit` requests in flight in one worker; the next is refused, its body unread.

    A prediction never waits, so of all requests that have arrived only one has begun: the others queue as tasks of the
    event loop, which uvicorn makes of all that came in since the last turn. So a request that has ended gives its place
    back only in the next turn. In one turn `limit` are answered then, the first that came, and the rest of the queue
    is refused at once: an admitted request waits for `limit` others, however many were sent. (With uvicorn's own
    `limit_concurrency` idle connections take places too, and the probes find none.)
    """

    def __init__(self, app: ASGIApp, limit: int, refusals: Counter) -> None:
        self._app, self._limit, self._refusals = app, limit, refusals.labels("overloaded")
        self._in_flight, self._ended = 0, 0
        self._why = f"overloaded: this worker has {limit} requests in flight, which is its limit; try again"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request if there is a place for it."""
        if scope["type"] != "http" or scope["path"] in ALWAYS_ADMITTED:
            return await self._app(scope, receive, send)
        if self._in_flight >= self._limit:
            self._refusals.inc()
            refusal = JSONResponse(problem(scope["path"], self._why), 503, {"retry-after": RETRY_AFTER})
            return await refusal(scope, receive, send)
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            if not self._ended:
                asyncio.get_running_loop().call_soon(self._turn)
            self._ended += 1

    def _turn(self) -> None:
        self._in_flight -= self._ended
        self._ended = 0
