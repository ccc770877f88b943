"""gunicorn's hooks in the master: SIGHUP swaps the model, SIGTERM announces the stop."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from ..settings import Settings
from .cpus import granted_cpus
from .kept_model import keep
from .settings import WorkersSettings
from .stop_announcement import announce_stop, stop_announced

SHARED_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - heartbeats need no disk


def worker_count() -> str | int:
    """Return the number of workers: WEB_CONCURRENCY, or the CPUs that this container may use."""
    count = os.environ.get("WEB_CONCURRENCY") or granted_cpus()
    if count == "0":
        sys.exit(f"{__name__.partition('.')[0]}: WEB_CONCURRENCY=0 cannot be used: no worker would answer")
    return count


def on_reload(root: Any) -> Callable[[Any], None]:
    """Return gunicorn's hook for SIGHUP; `root` is the module that opens a model."""

    def reload(server: Any) -> None:
        """Let new workers serve the version that is on disk now. If it is refused, they serve the old one."""
        settings = Settings()
        try:
            artifact = root.read_artifact(settings)
            model = root.open_model(settings, artifact)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the new version, the old one must stay
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            server.log.error("Refused a new version and still serving the old one: %s", reason)
        else:
            keep(artifact)
            server.log.info("Serving %s, version %d", model.name, model.version)

    return reload


def when_ready(server: Any) -> None:
    """Put DRAIN_SECONDS between SIGTERM and the stop, in which /ready answers 503 and everything else continues.

    gunicorn has no hook before a stop. A timer needs no thread and no pause, so the master still replaces workers.
    """
    seconds = WorkersSettings().drain_seconds

    def announce(number: int, frame: Any) -> None:
        # A worker that was just forked still has this handler, and a second SIGTERM must not delay the stop again.
        if os.getpid() == server.pid and not stop_announced():
            announce_stop()
            signal.setitimer(signal.ITIMER_REAL, seconds)

    if seconds:
        signal.signal(signal.SIGALRM, lambda number, frame: server.signal(signal.SIGTERM, frame))
        signal.signal(signal.SIGTERM, announce)
