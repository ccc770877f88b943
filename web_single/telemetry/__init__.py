"""Metrics summed over all workers, request ids, the model's version in each answer, and an access log.

Protects from: not knowing which requests failed, how long they took and which model answered them.
Costs: one more layer of middleware around each request, and a folder of counters in shared memory.
Instead: FastAPI's own OpenTelemetry support (FastAPI(telemetry=...)), or the metrics of your reverse proxy.
Remove: delete this folder and the lines that end with "# optional: telemetry"
"""

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse

from .metrics import Metrics
from .request_log import RequestLog
from .settings import TelemetrySettings


def add_telemetry(app: FastAPI) -> None:
    """Count, time and log every request, and show the metrics at /metrics."""
    settings, model = TelemetrySettings(), app.state.model
    metrics = Metrics(model.name, model.version)
    app.add_middleware(RequestLog, metrics=metrics, version=model.version, access_log=settings.access_log)
    app.state.probe_paths.add("/metrics")

    @app.get("/metrics", response_class=PlainTextResponse)
    async def show_metrics() -> Response:
        """Prometheus metrics, summed over the workers."""
        return Response(metrics.page(), media_type=CONTENT_TYPE_LATEST)
