"""The embedded server: TensorFlow Serving's protocols, ports and flag names on any machine that runs Python.

    python -m serving --port=8500 --rest_api_port=8501 --model_name=digits --model_base_path=PATH

It serves the highest version in PATH, and new ones as they come. Production runs
tensorflow/serving (synchronous/Dockerfile).
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import grpc
import uvicorn
from starlette.applications import Starlette

from .artifact import ArtifactRefused
from .config import ConfigRefused, ModelConfig, read_metrics_path, read_models
from .errors import RequestRefused
from .flags import parse_flags

DRAIN_SECONDS = 5.0
# Defaults for what is read when the libraries load. Serving needs no Keras, whose import is a third of the start.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "NONE", "TF_USE_LEGACY_KERAS": "1"}
log = logging.getLogger(__name__)


@contextmanager
def listening(calls: grpc.Server, rest: Starlette, flags: argparse.Namespace) -> Iterator[None]:
    """Answer on both ports; at the end accept no more, and give calls in flight DRAIN_SECONDS.

    Raises:
        OSError, RuntimeError: a port is taken.
    """
    config = uvicorn.Config(
        rest, http="h11", log_level="warning", timeout_graceful_shutdown=int(DRAIN_SECONDS), lifespan="off"
    )
    http = uvicorn.Server(config)
    sockets = [socket.create_server((flags.bind_address, flags.rest_api_port))] if flags.rest_api_port else []
    calls.add_insecure_port(f"{flags.bind_address}:{flags.port}")
    thread = threading.Thread(target=http.run, args=[sockets], daemon=True)
    calls.start()
    thread.start()
    try:
        yield
    finally:
        http.should_exit = True
        calls.stop(DRAIN_SECONDS).wait()
        thread.join(DRAIN_SECONDS + 1)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    flags = parse_flags()
    at_the_end(lambda number, _: os._exit(0))  # before it listens nobody waits for it
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        for port in filter(None, (flags.port, flags.rest_api_port)):
            socket.create_server((flags.bind_address, port)).close()  # a taken port is told now, not after the load
        metrics_path = read_metrics_path(flags.monitoring_config_file) if flags.monitoring_config_file else None
        serve(flags, configured_models(flags), metrics_path)
    except (ArtifactRefused, ConfigRefused, OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")
    os._exit(0)  # a call that outlived the drain is still inside TensorFlow; an ordinary exit would wait for it


def at_the_end(act: Callable[[int, object], object]) -> None:
    """Let a signal to end do `act`, which raises nothing: Python drops what is raised in a finalizer."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, act)


def configured_models(flags: argparse.Namespace) -> list[ModelConfig]:
    """Return the models that the flags ask for."""
    if flags.model_config_file:
        return read_models(flags.model_config_file)
    return [ModelConfig(flags.model_name, flags.model_base_path.absolute())]


def serve(flags: argparse.Namespace, models: list[ModelConfig], metrics_path: str | None) -> None:
    """Load, then listen, and follow new versions and configuration, until there is a signal to end."""
    # Only now: these import TensorFlow, and a wrong flag or file should not take seconds to be told.
    from grpc_health.v1.health import HealthServicer

    from . import catalogue, follow, grpc_service, manager, model, monitoring, rest, service

    metrics, health = monitoring.Metrics(), HealthServicer()
    loaded = catalogue.Catalogue(flags.allow_version_labels_for_unavailable_models)
    load = partial(model.open_model, metrics=metrics, batching=flags.batching)
    loader = manager.Manager(loaded, load, flags.file_system_poll_wait_seconds)
    try:
        loaded.configure(models)
        follow.in_background(loader.run)
        # No wait without end: the kernel may hand a signal to another thread, and this one sees it when it next wakes.
        while not (loader.started.done() and (loader.started.exception() or loaded.served())):
            time.sleep(0.1)
        loader.started.result()
    except (model.LoadFailed, RequestRefused) as error:
        raise ArtifactRefused(str(error)) from error
    stops: list[int] = []
    answers = service.Service(loaded, metrics)
    calls = grpc_service.create_server(answers, health, flags.grpc_max_threads)
    app = rest.create_app(answers, flags.rest_api_timeout_in_ms / 1000, metrics, metrics_path)
    at_the_end(lambda number, _: stops.append(number))
    with listening(calls, app, flags):
        follow.in_background(follow.follow_health, loaded, health)
        if flags.model_config_file_poll_wait_seconds:
            seconds = flags.model_config_file_poll_wait_seconds
            follow.in_background(follow.follow_config, loaded, flags.model_config_file, seconds)
        where = f"gRPC on {flags.bind_address}:{flags.port}, REST on port {flags.rest_api_port or 'none'}"
        log.info("%s: %s", ", ".join(loaded.models) or "no models", where)
        while not stops:
            time.sleep(0.1)
        health.enter_graceful_shutdown()


if __name__ == "__main__":
    main()
