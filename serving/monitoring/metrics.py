"""TensorFlow Serving's Prometheus metrics, under its names, for what this server measures."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from ..errors import RequestRefused
from ..hooks import Observer

_MICROSECONDS = [10 * 1.8**power for power in range(33)]


class Metrics(Observer):
    """Counts and times of requests and of loads, in microseconds as in TensorFlow Serving."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            ":tensorflow:serving:request_count", "Requests.", ["model_name", "status"], registry=registry
        )
        self._latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Microseconds of a request that was answered.",
            ["model_name", "API", "entrypoint"],
            registry=registry,
            buckets=_MICROSECONDS,
        )
        self._warm_up = Histogram(
            ":tensorflow:serving:model_warmup_latency",
            "Microseconds of a model's warm-up requests.",
            ["model_path", "status"],
            registry=registry,
            buckets=_MICROSECONDS,
        )
        self._loads = Counter(
            ":tensorflow:cc:saved_model:load_attempt_count",
            "Loads of a SavedModel.",
            ["model_path", "status"],
            registry=registry,
        )

    @contextmanager
    def request(self, model: str, api: str, entrypoint: str) -> Iterator[None]:
        """Measure the block as one request to `model`."""
        begin = time.perf_counter()
        try:
            yield
        except RequestRefused as error:
            self._requests.labels(model, error.code.name).inc()
            raise
        self._latency.labels(model, api, entrypoint).observe((time.perf_counter() - begin) * 1e6)
        self._requests.labels(model, "OK").inc()

    def loaded(self, path: Path, status: str) -> None:
        """Count one attempt to load the SavedModel in `path`: success or fail."""
        self._loads.labels(path, status).inc()

    def warmed_up(self, path: Path, seconds: float) -> None:
        """Record the time that the warm-up requests in `path` took."""
        self._warm_up.labels(path, "OK").observe(seconds * 1e6)

    def page(self) -> bytes:
        """Return the metrics in the text format that Prometheus reads."""
        # The library appends _total to the name of a counter. TensorFlow Serving does not.
        return generate_latest(self._registry).replace(b"_count_total", b"_count")
