"""The settings: environment variables, read once by `load_settings()`."""

import logging
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from pythonjsonlogger.json import JsonFormatter

LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"
FROM_ENVIRONMENT = SettingsConfigDict(frozen=True, env_ignore_empty=True, hide_input_in_errors=True)


class Settings(BaseSettings):
    """Each field is read from the environment variable of the same name in capitals."""

    model_config = FROM_ENVIRONMENT

    database_url: str = Field(default="sqlite:///.run/batch.sqlite3", repr=False)
    model_dir: Path = Path("models/artifacts/iris")
    model_version: int | None = Field(default=None, ge=0)
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)] = "INFO"
    log_format: Literal["text", "json"] = "text"


def load_settings() -> Settings:
    """Read the environment, and send all logs to stderr in the chosen format."""
    settings, handler = Settings(), logging.StreamHandler()
    handler.setFormatter(JsonFormatter(LINE) if settings.log_format == "json" else logging.Formatter(LINE))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    return settings
