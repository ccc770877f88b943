"""The settings of the proxy and the worker: environment variables, read once when a program starts."""

import logging
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pythonjsonlogger.json import JsonFormatter

S = TypeVar("S", bound=BaseSettings)
_ADDRESSES = r"^((https://|dns://[^/\s,]*/)?[^/\s,]+:\d+(,|$))+$"


class Settings(BaseSettings):
    """Times are in seconds. A field's name in capitals is its environment variable."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    redis_url: str = Field(default="redis://127.0.0.1:6379/0", pattern="^(redis|rediss|unix)://")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    max_queued_jobs: PositiveInt = 10_000
    job_lifetime: PositiveFloat = 300
    result_lifetime: PositiveFloat = 3600

    serving_grpc: str = Field(default="127.0.0.1:8500", pattern=_ADDRESSES)
    model_name: str = "digits"
    model_version: PositiveInt | None = None
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


def read_environment(kind: type[S]) -> S:
    """Return the settings of this class; a wrong value ends the program with one line that names it."""
    try:
        return kind()
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}".removeprefix(": ") for e in error.errors())
        raise SystemExit("wrong settings: " + "; ".join(wrong)) from None


def load_settings() -> Settings:
    """Read the environment, and send every log line to stderr in the form that LOG_FORMAT names."""
    settings = read_environment(Settings)
    fields = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(fields) if settings.log_format == "json" else logging.Formatter(fields))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    for name in ("uvicorn", "uvicorn.access"):  # uvicorn's lines go through the same handler
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    return settings
