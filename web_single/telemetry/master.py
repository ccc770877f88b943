"""gunicorn's hooks and log format."""

import os
import secrets
import shutil
import tempfile
from typing import Any

from .counters import FOLDER, merge_dead_worker, open_folder
from .settings import TelemetrySettings


def logging_config(level: str) -> dict[str, Any]:
    """Return gunicorn's `logconfig_dict` for the format that the environment names."""
    if TelemetrySettings().log_format == "text":
        return {}
    fields = "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"
    logger = {"level": level.upper(), "handlers": ["error_console"], "propagate": False}
    return {
        "formatters": {"generic": {"()": "pythonjsonlogger.json.JsonFormatter", "fmt": fields}},
        "loggers": {"gunicorn.error": logger},
    }


def choose_folder() -> None:
    """Name the folder of this master and its workers; `pre_fork` makes it."""
    package = __name__.partition(".")[0]
    shared_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()  # noqa: S108 - unguessable
    os.environ[FOLDER] = f"{shared_memory}/{package}-{os.getpid()}-{secrets.token_hex(8)}"


def pre_fork(server: Any, worker: Any) -> None:
    """Give a worker a place for its counters. The folder comes now, when every way to stop removes it."""
    open_folder()


def child_exit(server: Any, worker: Any) -> None:
    """Keep the counts of a dead worker."""
    merge_dead_worker(worker.pid)


def on_exit(server: Any) -> None:
    """Remove the counters together with the master that made them."""
    shutil.rmtree(os.environ[FOLDER], ignore_errors=True)
