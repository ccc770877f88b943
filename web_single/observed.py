"""What happens to every request on its way in and out: an id, counting, the access log."""

import itertools
import logging
import os
import re
from time import perf_counter

from prometheus_client import Histogram
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics
from .schemas import problem

CLOSE = {"connection": "close"}
SANE_ID = re.compile(rb"[!-~]{1,128}").fullmatch


class Observed:
    """ASGI middleware around everything: each response has the model's version and an id, and is counted and timed."""

    def __init__(self, app: ASGIApp, metrics: Metrics, version: int, access_log: bool) -> None:
        self._app, self._requests, self._access_log = app, metrics.requests, access_log
        self._version = (b"model-version", str(version).encode())
        # One random number for each worker and then its requests in order cost a tenth of a UUID.
        self._prefix, self._numbers = os.urandom(8).hex().encode(), itertools.count()
        self._series: dict[tuple[str, int], Histogram] = {}
        # Below gunicorn's own logger it has its handler and format, but not its level.
        self._log = logging.getLogger("gunicorn.error.access")
        self._log.setLevel(logging.INFO)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; one that raises gets a 500, and the server still learns of it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start, status, size, counted = perf_counter(), 0, 0, False
        request_id = self._request_id(scope["headers"])

        def count() -> None:
            self._count(scope, status or 500, perf_counter() - start, size, request_id)

        async def send_observed(message: Message) -> None:
            nonlocal status, size, counted
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], self._version, (b"x-request-id", request_id)]
            else:
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    count()  # before the end goes out: whoever has an answer finds it counted, whatever happens then
                    counted = True
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except Exception:
            if not status:
                await (await failed(Request(scope), None))(scope, receive, send_observed)
            raise
        finally:
            if not counted:
                count()

    def _request_id(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        for name, value in headers:
            if name == b"x-request-id" and SANE_ID(value):
                return value
        return b"%s-%d" % (self._prefix, next(self._numbers))

    def _count(self, scope: Scope, status: int, seconds: float, size: int, request_id: bytes) -> None:
        route = scope.get("route")  # unknown paths share one series: a caller must not be able to add any
        path = route.path if route else "unknown"
        series = self._series.get((path, status))
        if series is None:
            series = self._series[path, status] = self._requests.labels(path, status)
        series.observe(seconds)
        if self._access_log:
            line = {"method": scope["method"], "path": path, "status": status, "milliseconds": round(seconds * 1e3, 3)}
            line |= {"bytes": size, "request_id": request_id.decode()}
            if "rows" in scope:  # the service has put it there
                line["rows"] = scope["rows"]
            self._log.info(" ".join(f"{name}={value}" for name, value in line.items()), extra=line)


async def failed(request: Request, _error: Exception | None) -> JSONResponse:
    """Answer what nobody foresaw."""
    return JSONResponse(problem(request.url.path, "internal error"), 500, CLOSE)
