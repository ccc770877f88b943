# ruff: noqa: N999 - the name that gunicorn itself looks for
"""How gunicorn runs the service: one master that checks, and workers that serve.

gunicorn -c web_single/gunicorn.conf.py "web_single.app:create_app()"; its flags (--bind, --workers) go before this.
"""

import gc
import os
import secrets
import shutil
import signal
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
worker_class = f"{PACKAGE}.worker.Worker"
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

    This does not run again at SIGHUP, so the counters outlive a reload.
    """
    if server.num_workers < 1:
        sys.exit(f"{PACKAGE}: WEB_CONCURRENCY={server.num_workers} cannot be used: nobody would answer")
    # Before prometheus_client is imported, which looks for it. The folder itself comes with the first worker, when
    # every way to stop removes it.
    os.environ[COUNTERS] = f"{MEMORY or tempfile.gettempdir()}/{PACKAGE}-{os.getpid()}-{secrets.token_hex(8)}"
    try:
        _verify(server)
    except import_module(f"{PACKAGE}.artifact").ArtifactRefused as error:
        sys.exit(f"{PACKAGE}: {' '.join(str(error).split())}")


def _verify(server: Any) -> None:
    """Read the model, try it, and keep it for the workers, which fork from here and load what is kept."""
    verified = import_module(f"{PACKAGE}.verified")
    model = verified.read_model(settings)
    predictor = import_module(f"{PACKAGE}.predictor").Predictor(model, settings.onnx_threads)
    import_module(f"{PACKAGE}.app")  # so that the workers have it, too
    verified.keep(model)
    server.log.info("Serving %s, version %d", predictor.name, predictor.version)


def on_reload(server: Any) -> None:
    """At SIGHUP, before new workers are forked: let them serve what is on disk now, or else what they served before."""
    try:
        _verify(server)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a new version, the old one has to go on
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        server.log.error("Refused a new version and still serving the old one: %s", reason)


def when_ready(server: Any) -> None:
    """Put `drain_seconds` between SIGTERM and the stop, in which /ready says no and everything else goes on.

    gunicorn has no hook before a stop. A timer is no thread and no pause: workers are looked after meanwhile.
    """

    def announce(number: int, frame: Any) -> None:
        shared = import_module(f"{PACKAGE}.shared")
        # A worker that was just forked still has this handler, and a second SIGTERM must not put the stop off.
        if os.getpid() == server.pid and not shared.stop_announced():
            shared.announce_stop()
            signal.setitimer(signal.ITIMER_REAL, settings.drain_seconds)

    if settings.drain_seconds:
        signal.signal(signal.SIGALRM, lambda number, frame: server.signal(signal.SIGTERM, frame))
        signal.signal(signal.SIGTERM, announce)


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker a place for its counters."""
    import_module(f"{PACKAGE}.shared").folder()


def child_exit(server: Any, worker: Any) -> None:
    """Keep what a dead worker counted, and drop what only a live one can be."""
    import_module(f"{PACKAGE}.shared").bury(worker.pid)


def on_exit(server: Any) -> None:
    """Remove the counters with the master that made them."""
    shutil.rmtree(os.environ[COUNTERS], ignore_errors=True)


def post_worker_init(worker: Any) -> None:
    """Take what was loaded out of the rounds of the garbage collector, which would look through all of it each time."""
    gc.collect()
    gc.freeze()
