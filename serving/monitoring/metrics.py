"""TensorFlow Serving's Prometheus metrics, under its names, for what this server measures."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from ..errors import RequestRefused
from ..hooks import Arrays, Observer

if TYPE_CHECKING:
    from ..model import Model

_SERVING = ":tensorflow:serving:"
_MICROSECONDS = [10 * 1.8**power for power in range(33)]
_EXAMPLES = [2**power for power in range(15)]


class Metrics(Observer):
    """Counts and times of requests, runs and loads, in microseconds as in TensorFlow Serving."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._current = threading.local()  # the model and the API of the request that a thread answers
        self._requests = self._counter(f"{_SERVING}request_count", "Requests.", "model_name", "status")
        self._latency = self._histogram(
            f"{_SERVING}request_latency",
            "Microseconds of a request that was answered.",
            "model_name",
            "API",
            "entrypoint",
        )
        self._runs = self._histogram(
            f"{_SERVING}runtime_latency", "Microseconds in TensorFlow.", "model_name", "API", "runtime"
        )
        self._examples = self._histogram(
            f"{_SERVING}request_example_counts", "tf.Example messages in a request.", "model", buckets=_EXAMPLES
        )
        self._example_total = self._counter(f"{_SERVING}request_example_count", "tf.Example messages.", "model")
        self._warm_up = self._histogram(
            f"{_SERVING}model_warmup_latency", "Microseconds of a model's warm-up requests.", "model_path", "status"
        )
        loads = ":tensorflow:cc:saved_model:load_attempt_count"
        self._loads = self._counter(loads, "Loads of a SavedModel.", "model_path", "status")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, *labels: str, buckets: Iterable[float] = _MICROSECONDS) -> Histogram:
        return Histogram(name, text, labels, registry=self._registry, buckets=[*buckets])

    @contextmanager
    def request(self, model: str, api: str, entrypoint: str) -> Iterator[None]:
        """Measure the block as one request to `model`."""
        begin = time.perf_counter()
        self._current.request = model, api[:1].upper() + api[1:]
        try:
            yield
        except RequestRefused as error:
            self._requests.labels(model, error.code.name).inc()
            raise
        finally:
            self._current.request = None
        self._latency.labels(model, api, entrypoint).observe((time.perf_counter() - begin) * 1e6)
        self._requests.labels(model, "OK").inc()

    def measure_runs(self, model: "Model") -> None:
        """Measure each run of a model for a request: the time in TensorFlow and, with batching, in its queue."""
        execute = model.execute

        def measured(signature: str, inputs: Arrays, wanted: Iterable[str], timeout: float) -> Arrays:
            begin = time.perf_counter()
            outputs = execute(signature, inputs, wanted, timeout)
            if current := getattr(self._current, "request", None):  # not for warm-up requests
                self._runs.labels(*current, "TF1").observe((time.perf_counter() - begin) * 1e6)
            return outputs

        model.execute = measured

    def examples(self, model: str, count: int) -> None:
        """Record the number of tf.Example messages in one request to `model`."""
        self._examples.labels(model).observe(count)
        self._example_total.labels(model).inc(count)

    def loaded(self, path: Path, status: str) -> None:
        """Count one attempt to load the SavedModel in `path`: success or fail."""
        self._loads.labels(path, status).inc()

    def warmed_up(self, path: Path, seconds: float) -> None:
        """Record the time that the warm-up requests in `path` took."""
        self._warm_up.labels(path, "OK").observe(seconds * 1e6)

    def page(self) -> bytes:
        """Return the metrics in the text format that Prometheus reads."""
        page = generate_latest(self._registry)
        for name in (
            b"request_count",
            b"load_attempt_count",
        ):  # the library appends _total, TensorFlow Serving does not
            page = page.replace(name + b"_total", name)
        return page
