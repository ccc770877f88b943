"""gunicorn's hooks and log format."""

import os
import secrets
import shutil
import tempfile
from typing import Any

from .counters import FOLDER, merge_dead_worker, open_folder
from .settings import TelemetrySettings


def telemetry_settings() -> dict[str, Any]:
    """Return gunicorn's settings for the log and the counters."""
    loglevel, logconfig_dict = logging_config()
    hooks = {"pre_fork": pre_fork, "child_exit": child_exit, "on_exit": on_exit}
    return {"loglevel": loglevel, "logconfig_dict": logconfig_dict} | hooks


def logging_config() -> tuple[str, dict[str, Any]]:
    """Return gunicorn's `loglevel`, and its `logconfig_dict` for the format that the environment names."""
    settings = TelemetrySettings()
    if settings.log_format == "text":
        return settings.log_level, {}
    fields = "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"
    logger = {"level": settings.log_level.upper(), "handlers": ["error_console"], "propagate": False}
    return settings.log_level, {
        "formatters": {"generic": {"()": "pythonjsonlogger.json.JsonFormatter", "fmt": fields}},
        "loggers": {"gunicorn.error": logger},
    }


def pre_fork(server: Any, worker: Any) -> None:
    """Give a worker a folder for its counters. Not earlier: from now on, every way to stop removes the folder."""
    if not _has_folder(server):
        shared_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()  # noqa: S108 - unguessable
        os.environ[FOLDER] = f"{shared_memory}/{_prefix(server)}{secrets.token_hex(8)}"
    open_folder()


def child_exit(server: Any, worker: Any) -> None:
    """Keep the counts of a dead worker. An exception here would stop the service."""
    try:
        merge_dead_worker(worker.pid)
    except OSError as error:
        server.log.warning("The counts of worker %d are lost: %s", worker.pid, error)


def on_exit(server: Any) -> None:
    """Remove the counters when the master that created them exits."""
    if _has_folder(server):
        shutil.rmtree(os.environ[FOLDER], ignore_errors=True)


def _prefix(server: Any) -> str:
    return f"{__name__.partition('.')[0]}-{server.pid}-"


def _has_folder(server: Any) -> bool:
    """Return whether the folder is this master's own. After SIGUSR2, a new master inherits the old folder's name."""
    return _prefix(server) in os.environ.get(FOLDER, "")
