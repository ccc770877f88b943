"""Prometheus metrics, summed over all workers."""

import fcntl
import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import MultiProcessValue

from .counters import FOLDER, in_folder, locked

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The metrics of one worker, and the page that shows all workers."""

    def __init__(self, model: str, version: int) -> None:
        if FOLDER in os.environ:
            in_folder(lambda: self._open_shared(model, version))
        else:
            self._open(model, version)

    def _open_shared(self, model: str, version: int) -> None:
        # By default each counter asks the kernel for the process id at each use: three times in a request.
        pid = os.getpid()
        values.ValueClass = MultiProcessValue(lambda: pid)  # type: ignore[no-untyped-call]
        with locked(fcntl.LOCK_EX):  # a new file is empty for a moment, and the page of another worker would fail
            self._open(model, version)

    def _open(self, model: str, version: int) -> None:
        self._registry = CollectorRegistry()
        self.requests = Histogram(
            "http_request_duration_seconds",
            "Time from a request's headers until its response is ready.",
            ["path", "status"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.requests.labels("/predict", "200")  # opens its file now, before the folder can be removed
        self.rows = Counter("predicted_rows", "Rows that were answered.", registry=self._registry)
        reasons = "Requests that were refused: overloaded, no_answer, or an error of the client."
        self.refusals = Counter("refused_requests", reasons, ["reason"], registry=self._registry)
        self.refusals.labels("overloaded")  # shown as 0 from the start, so that an alert sees the first increase
        workers = Gauge(
            "model_workers",
            "Live workers by the model that they serve.",
            ["model", "version"],
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        workers.labels(model, str(version)).set(1)

    def page(self) -> bytes:
        """Return the sums over all workers under gunicorn, else those of this process."""
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        with locked(fcntl.LOCK_SH):
            return generate_latest(registry)
