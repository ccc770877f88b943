"""The metric that shows what endangers accepted jobs."""

from collections.abc import Callable, Container, Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from .dangers import CHECKS


def danger_metrics(found: Container[str]) -> Callable[[], Iterable[Metric]]:
    """Return a function that returns a gauge with a value for each check; 1 for those that were `found`."""

    def metrics() -> Iterable[Metric]:
        gauge = GaugeMetricFamily("jobs_redis_danger", "Whether Redis endangers accepted jobs", labels=["check"])
        for name in CHECKS:
            gauge.add_metric([name], name in found)
        yield gauge

    return metrics
