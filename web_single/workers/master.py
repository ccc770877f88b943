"""gunicorn's hooks in the master: SIGHUP swaps the model, SIGTERM announces the stop."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from ..artifact import open_artifact
from ..settings import Settings
from .cpus import granted_cpus
from .kept_model import keep
from .settings import WorkersSettings
from .stop_announcement import announce_stop, stop_announced

PACKAGE = __name__.partition(".")[0]
Hook = Callable[[Any], None]
SHARED_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - heartbeats need no disk


def worker_settings(app: Any) -> dict[str, Any]:
    """Return gunicorn's settings for the workers; `app` is the module that loads a model."""
    worker_class = f"{PACKAGE}.workers.worker.Worker"
    return {"worker_class": worker_class, "worker_tmp_dir": SHARED_MEMORY, "workers": worker_count()} | hooks(app)


def worker_count() -> str | int:
    """Return the number of workers: WEB_CONCURRENCY, or the CPUs that this container may use."""
    WorkersSettings()  # a wrong setting ends the program
    count = os.environ.get("WEB_CONCURRENCY") or granted_cpus()
    if count == "0":
        sys.exit(f"{PACKAGE}: WEB_CONCURRENCY=0 cannot be used: no worker would answer")
    return count


def hooks(app: Any) -> dict[str, Hook]:
    """Return gunicorn's hooks `on_starting`, `on_reload` and `when_ready`; `app` is the module that loads a model."""

    def load(server: Any) -> None:
        settings = Settings()
        artifact = open_artifact(settings.model_dir, settings.model_version, keep=None)
        model = app.load_model(settings, artifact)
        keep(artifact)
        server.log.info("Serving %s, version %d", model.name, model.version)

    def start(server: Any) -> None:
        """Verify the version once, for all workers."""
        if server.cfg.preload_app:  # the master would serve its own application, whatever version arrives later
            sys.exit(f"{PACKAGE}: --preload cannot be used: it keeps the first model version and counts nothing")
        with app.exit_in_one_line():
            load(server)

    def reload(server: Any) -> None:
        """Let new workers serve the version that is on disk now. If it is refused, they serve the old one."""
        try:
            load(server)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the new version, the old one must stay
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            server.log.error("Refused a new version and still serving the old one: %s", reason)

    return {"on_starting": start, "on_reload": reload, "when_ready": when_ready}


def when_ready(server: Any) -> None:
    """Delay the stop by DRAIN_SECONDS after SIGTERM: /ready then answers 503, and everything else continues.

    gunicorn has no hook before a stop. A timer needs no thread and never blocks, so the master still replaces workers.
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
