"""Where log lines go, and how they are written."""

import logging
from typing import Annotated, Literal

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings
from pythonjsonlogger.json import JsonFormatter

from ..settings import FROM_ENVIRONMENT

LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"


class LogSettings(BaseSettings):
    """Which log lines are written, and how."""

    model_config = FROM_ENVIRONMENT

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)] = "INFO"
    log_format: Literal["text", "json"] = "text"


def set_up_logs() -> None:
    """Send all log lines to stderr in the chosen format."""
    settings, handler = LogSettings(), logging.StreamHandler()
    handler.setFormatter(JsonFormatter(LINE) if settings.log_format == "json" else logging.Formatter(LINE))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
