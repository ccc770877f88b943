"""The queue's metrics for Prometheus. They are counted in Redis, so they outlive every process of this pattern."""

from collections.abc import Iterable, Mapping, Sequence

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ..api import Queue
from ..errors import RedisAway, documented
from ..job_queue import JobQueue
from .counters import BATCH_BOUNDS, LATENCY_BOUNDS

router = APIRouter()

_GAUGES = {
    "queued": "Jobs that no worker has claimed",
    "in_flight": "Jobs that a worker has claimed",
    "oldest_seconds": "Age of the oldest job that has not ended",
    "dead_letters": "Jobs that expired or were given up, kept for replay",
}
_COUNTERS = {
    "accepted": "Jobs accepted",
    "attempts": "Attempts: each time that a worker started a job",
    "worker_restarts": "Worker processes that died and were replaced",
}


def add_metrics(app: FastAPI) -> None:
    """Add the endpoint `/metrics`."""
    app.include_router(router)


@router.get("/metrics", response_class=Response, responses=documented(RedisAway))
async def metrics(request: Request, queue: Queue) -> Response:
    """Return the queue's metrics for Prometheus. Every proxy returns the same values: do not add them up."""
    more = [metric for collect in request.app.state.metrics for metric in collect()]
    return Response(render(await measure(queue), more), media_type=CONTENT_TYPE_LATEST)


async def measure(queue: JobQueue) -> dict[str, float]:
    """Return `queued`, `in_flight`, `oldest_seconds` and the totals counted so far; may raise RedisAway."""
    flat = [value for part in await queue.run("measure") for value in part]
    figures = {name.decode(): float(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
    return figures | {"oldest_seconds": figures.pop("oldest_milliseconds") / 1000}


def render(figures: Mapping[str, float], more: Sequence[Metric] = ()) -> bytes:
    """Return the values of `measure`, and other metrics, in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(figures, more))
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, figures: Mapping[str, float], more: Sequence[Metric]) -> None:
        self._figures, self._more = figures, more

    def collect(self) -> Iterable[Metric]:
        yield from self._more
        for name, meaning in _GAUGES.items():
            yield GaugeMetricFamily(f"jobs_{name}", meaning, self._figures.get(name, 0))
        for name, meaning in _COUNTERS.items():
            yield CounterMetricFamily(f"jobs_{name}", meaning, self._figures.get(name, 0))
        ended = CounterMetricFamily("jobs_ended", "Jobs by the terminal state they reached", labels=["status"])
        for status in ("done", "failed", "expired", "cancelled"):
            ended.add_metric([status], self._figures.get(status, 0))
        yield ended
        callbacks = CounterMetricFamily("jobs_callbacks", "Attempts to deliver a job's end", labels=["outcome"])
        for outcome in ("delivered", "retried", "dead"):
            callbacks.add_metric([outcome], self._figures.get(f"callbacks_{outcome}", 0))
        yield callbacks
        yield self._histogram("batch_size", "Jobs that a worker claimed at once", "batch", BATCH_BOUNDS)
        # The script counts in milliseconds.
        yield self._histogram(
            "latency_seconds", "From acceptance to the terminal state", "latency", LATENCY_BOUNDS, 1000
        )

    def _histogram(self, name: str, meaning: str, field: str, bounds: Iterable[float], scale: int = 1) -> Metric:
        buckets, total = [], 0.0
        for bound in bounds:
            total += self._figures.get(f"{field}:{round(bound * scale)}", 0)
            buckets.append((str(float(bound)), total))
        buckets.append(("+Inf", total + self._figures.get(f"{field}:more", 0)))
        return HistogramMetricFamily(f"jobs_{name}", meaning, buckets, self._figures.get(f"{field}_sum", 0) / scale)
