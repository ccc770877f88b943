"""Threads that carry news from one part to another: from the configuration file, and to the health service."""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse

from .catalogue import Catalogue
from .config import ConfigRefused, read_models
from .errors import RequestRefused

log = logging.getLogger(__name__)


def in_background(target: Callable[..., None], *args: object) -> None:
    """Run `target` until the process ends."""
    threading.Thread(target=target, args=args, daemon=True, name=target.__name__).start()


def follow_health(catalogue: Catalogue, health: HealthServicer) -> None:
    """Say SERVING for the whole server only while every configured model has a version that can be asked."""
    for served in itertools.cycle((True, False)):
        catalogue.wait_until_served(served)
        health.set("", HealthCheckResponse.SERVING if served else HealthCheckResponse.NOT_SERVING)


def follow_config(catalogue: Catalogue, path: Path, seconds: float) -> None:
    """Read a configuration file again every so many seconds; one that is refused leaves everything as it is."""
    said = None
    while True:
        time.sleep(seconds)
        try:
            models = read_models(path)
            if models != list(catalogue.models.values()):
                catalogue.configure(models)
                log.info("%s is followed: %s", path, ", ".join(model.name for model in models) or "no models")
            said = None
        except (ConfigRefused, RequestRefused) as error:
            if str(error) != said:
                said = str(error)
                log.error("%s", said)
