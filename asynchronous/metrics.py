"""The queue's figures for Prometheus. They are counted in Redis, so that they outlive every process of this pattern."""

from collections.abc import Iterable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from .keys import BATCH_BOUNDS, LATENCY_BOUNDS

CONTENT_TYPE = CONTENT_TYPE_LATEST

_GAUGES = {
    "queued": "Jobs that no worker has in hand",
    "in_flight": "Jobs that a worker has in hand",
    "oldest_seconds": "Age of the oldest job that has not ended",
    "dead_letters": "Jobs that expired or were given up, kept for replay",
}
_COUNTERS = {
    "accepted": "Jobs accepted",
    "attempts": "Jobs taken up by a worker, each time counted",
    "worker_restarts": "Worker processes that died and were replaced",
}


class _Snapshot(Collector):
    def __init__(self, figures: Mapping[str, float]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        for name, meaning in _GAUGES.items():
            yield GaugeMetricFamily(f"jobs_{name}", meaning, self._figures[name])
        for name, meaning in _COUNTERS.items():
            yield CounterMetricFamily(f"jobs_{name}", meaning, self._figures.get(name, 0))
        ended = CounterMetricFamily("jobs_ended", "Jobs by the terminal state they reached", labels=["status"])
        for status in ("done", "failed", "expired"):
            ended.add_metric([status], self._figures.get(status, 0))
        yield ended
        yield self._histogram("batch_size", "Jobs that a worker took up at once", "batch", BATCH_BOUNDS)
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


def render(figures: Mapping[str, float]) -> bytes:
    """Return `JobQueue.stats()` in Prometheus's text form."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(figures))
    return generate_latest(registry)
