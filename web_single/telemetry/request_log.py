"""What happens to every request on its way in and out: a request id, the metrics, the access log."""

import itertools
import logging
import os
import re
from collections.abc import Awaitable
from time import perf_counter

from prometheus_client import Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import answer_error
from .metrics import Metrics

VALID_ID = re.compile(rb"[!-~]{1,128}").fullmatch


class RequestLog:
    """ASGI middleware: each answer carries the model's version and a request id, and is counted, timed and logged.

    The root reports two things in the request's scope: the number of `rows` read, and the reason for a `refusal`.
    """

    depth = 1

    def __init__(self, app: ASGIApp, metrics: Metrics, version: int, access_log: bool) -> None:
        self._app, self._metrics, self._access_log = app, metrics, access_log
        self._version = (b"model-version", str(version).encode())
        # One random number for each worker, followed by the request's number, costs a tenth of a UUID.
        self._prefix, self._numbers = os.urandom(8).hex().encode(), itertools.count()
        self._series: dict[tuple[str, int], Histogram] = {}
        # A child of gunicorn's own logger has its handler and format, but not its level.
        self._log = logging.getLogger("gunicorn.error.access")
        self._log.setLevel(logging.INFO)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. A request that raises gets a 500, and the server still learns of the exception."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start, status, size, counted = perf_counter(), 0, 0, False
        request_id = self._request_id(scope["headers"])

        def send_counted(message: Message) -> Awaitable[None]:
            nonlocal status, size, counted
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], self._version, (b"x-request-id", request_id)]
            else:
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    # Before the end is sent, so that a client with an answer finds it counted.
                    self._count(scope, status, start, size, request_id)
                    counted = True
            return send(message)

        try:
            await self._app(scope, receive, send_counted)
        except Exception as error:
            if not status:  # FastAPI's own answer would be sent outside of this middleware, without these headers
                response = await answer_error(Request(scope), error)
                await response(scope, receive, send_counted)
            raise
        finally:
            if not counted:
                self._count(scope, status or 500, start, size, request_id)

    def _request_id(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        for name, value in headers:
            if name == b"x-request-id" and VALID_ID(value):
                return value
        return b"%s-%d" % (self._prefix, next(self._numbers))

    def _count(self, scope: Scope, status: int, start: float, size: int, request_id: bytes) -> None:
        seconds = perf_counter() - start
        route = scope.get("route")
        path = route.path if route else "unknown"  # one series, so that a client cannot add any
        series = self._series.get((path, status))
        if series is None:
            series = self._series[path, status] = self._metrics.requests.labels(path, status)
        series.observe(seconds)
        rows = scope.get("rows", 0) if status == 200 else 0
        if rows:
            self._metrics.rows.inc(rows)
        elif reason := scope.get("refusal"):
            self._metrics.refusals.labels(reason).inc()
        if self._access_log:
            line = {"method": scope["method"], "path": path, "status": status, "milliseconds": round(seconds * 1e3, 3)}
            line |= {"bytes": size, "request_id": request_id.decode()} | ({"rows": rows} if rows else {})
            self._log.info(" ".join(f"{name}={value}" for name, value in line.items()), extra=line)
