"""The settings of the proxy and of the worker: environment variables, read once when a program starts."""

import logging
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pythonjsonlogger.json import JsonFormatter


class Settings(BaseSettings):
    """Times are in seconds. A field's name in capitals is its environment variable."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    redis_url: str = Field(default="redis://127.0.0.1:6379/0", pattern="^(redis|rediss|unix)://")
    model_dir: Path = Path("models/artifacts/digits")
    model_version: PositiveInt | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    register_jobs: Literal["before_answer", "background"] = Field(default="before_answer", validation_alias="REGISTER")
    max_queued_jobs: PositiveInt = 10_000
    job_lifetime: PositiveFloat = 300
    result_lifetime: PositiveFloat = 3600
    dead_letter_lifetime: PositiveFloat = 86_400

    serving_grpc: str = Field(default="127.0.0.1:8500", pattern=r"^[^/\s]+:\d+$")
    model_name: str = "digits"
    worker_processes: int = Field(default=2, ge=1, le=64)
    batch_size: int = Field(default=32, ge=1, le=512)
    predict_timeout: PositiveFloat = 30
    lease: PositiveFloat = 15
    max_attempts: PositiveInt = 3
    hang_after: PositiveFloat = 60
    heartbeat_file: Path | None = None

    @model_validator(mode="after")
    def _a_slow_model_is_not_a_hang(self) -> Self:
        if self.hang_after <= self.predict_timeout:
            raise ValueError("HANG_AFTER must be longer than PREDICT_TIMEOUT")
        return self


def load_settings() -> Settings:
    """Read the environment and set logging up; a wrong value ends the program with one line that names it."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}".removeprefix(": ") for e in error.errors())
        raise SystemExit("wrong settings: " + "; ".join(wrong)) from None
    configure_logging(settings)
    return settings


def configure_logging(settings: Settings) -> None:
    """Send every line of this process to stderr, in the form that LOG_FORMAT asks for."""
    fields = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(fields) if settings.log_format == "json" else logging.Formatter(fields))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    for name in ("uvicorn", "uvicorn.access"):  # one form for all lines: uvicorn's go through the same handler
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
