"""Prometheus metrics that add up over all workers."""

import os
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The metrics of one worker, and the page that shows all workers."""

    def __init__(self, model: str, version: int) -> None:
        self._registry = CollectorRegistry()
        self.requests = Histogram(
            "http_request_duration_seconds",
            "Time from a request's headers until its response is ready.",
            ["path", "status"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.rows = Counter("predicted_rows", "Rows that were answered.", registry=self._registry)
        workers = Gauge(
            "model_workers",
            "Live workers by the model they serve.",
            ["model", "version"],
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        workers.labels(model, str(version)).set(1)

    def page(self) -> bytes:
        """Return the sums over all workers under gunicorn, else those of this process."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class Observed:
    """ASGI middleware: counts and times every response, and puts the model's version on it."""

    def __init__(self, app: ASGIApp, metrics: Metrics, version: int) -> None:
        self._app, self._requests = app, metrics.requests
        self._header = (b"model-version", str(version).encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; one that raises is counted with the 500 that the server then sends."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start, status, counted = perf_counter(), 500, False

        def count() -> None:
            route = scope.get("route")  # unknown paths share one series: a caller must not be able to add any
            path = route.path if route else "unknown"
            self._requests.labels(path, status).observe(perf_counter() - start)

        async def send_observed(message: Message) -> None:
            nonlocal status, counted
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], self._header]
            elif not message.get("more_body"):
                count()  # before the end goes out: whoever has an answer finds it counted, whatever happens then
                counted = True
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        finally:
            if not counted:
                count()
