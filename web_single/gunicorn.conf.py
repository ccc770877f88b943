# ruff: noqa: N999 - the name that gunicorn itself looks for
"""How gunicorn runs the service: one master that checks, and workers that serve.

gunicorn -c web_single/gunicorn.conf.py "web_single.app:create_app()"; its flags (--bind, --workers) go before this.
"""

import os
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

PACKAGE = Path(__file__).resolve().parent.name  # a folder that was copied and renamed runs as it is
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - heartbeats and counters need no disk
COUNTERS = "PROMETHEUS_MULTIPROC_DIR"

try:
    settings = import_module(f"{PACKAGE}.settings").Settings()
except ValidationError as error:
    fault = error.errors()[0]
    sys.exit(f"{PACKAGE}: {fault['loc'][0]}={fault['input']!r} cannot be used: {fault['msg']}")

bind = "127.0.0.1:8000"
worker_class = "uvicorn_worker.UvicornWorker"
worker_tmp_dir = MEMORY
if "WEB_CONCURRENCY" not in os.environ:
    workers = import_module(f"{PACKAGE}.cpus").granted_cpus()
keepalive = 75  # seconds; longer than the 60 after which common load balancers let go of an idle connection
graceful_timeout = int(settings.body_timeout) + 10  # seconds; a request in flight may still wait for its body
control_socket_disable = True  # its path would be the same for every gunicorn of one user
loglevel = settings.log_level
if settings.log_format == "json":
    fields = "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"
    logger = {"level": loglevel.upper(), "handlers": ["error_console"], "propagate": False}
    logconfig_dict = {
        "formatters": {"generic": {"()": "pythonjsonlogger.json.JsonFormatter", "fmt": fields}},
        "loggers": {"gunicorn.error": logger},
    }


def on_starting(server: Any) -> None:
    """Try in the master what every worker will do, so that a refusal is one line and an exit code, not a loop.

    The workers fork from here and share the imported code, but each loads the model for itself. This does not run
    again at SIGHUP, so the counters outlive a reload.
    """
    # Before prometheus_client is imported, which looks for it.
    os.environ[COUNTERS] = tempfile.mkdtemp(prefix=f"{PACKAGE}-{os.getpid()}-", dir=MEMORY)
    try:
        predictor = import_module(f"{PACKAGE}.app").load_predictor(settings)
    except import_module(f"{PACKAGE}.artifact").ArtifactRefused as error:
        on_exit(server)
        sys.exit(f"{PACKAGE}: {' '.join(str(error).split())}")
    server.log.info("Serving %s, version %d", predictor.name, predictor.version)


def child_exit(server: Any, worker: Any) -> None:
    """Keep what a dead worker counted, and drop what only a live one can be."""
    import_module("prometheus_client.multiprocess").mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """Remove the counters with the master that made them."""
    shutil.rmtree(os.environ[COUNTERS], ignore_errors=True)
