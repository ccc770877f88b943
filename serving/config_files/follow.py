"""Read the configuration file again and again, and apply its changes."""

import logging
import time
from pathlib import Path

from ..catalogue import Catalogue
from ..errors import ConfigRefused, RequestRefused
from .config import read_models

log = logging.getLogger(__name__)


def follow(catalogue: Catalogue, path: Path, interval: float) -> None:
    """Apply the file every `interval` seconds, forever. A configuration that is refused changes nothing."""
    reported = None
    while True:
        time.sleep(interval)
        try:
            models = read_models(path)
            if models != list(catalogue.models.values()):
                catalogue.configure(models)
                log.info("%s is applied: %s", path, ", ".join(model.name for model in models) or "no models")
            reported = None
        except (ConfigRefused, RequestRefused) as error:
            if str(error) != reported:
                reported = str(error)
                log.error("%s", reported)
