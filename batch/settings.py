"""The settings: environment variables, read once by `load_settings()`."""

import logging
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, FilePath, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pythonjsonlogger.json import JsonFormatter
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from .errors import ServiceError, first_error

LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"


class BadSetting(ServiceError):
    """An environment variable has a value that cannot be used; the message names the variable."""


def _check_url(url: str) -> str:
    """Refuse a raw @ in a password: what follows it would be taken for the host, and printed in error messages."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("not a database URL; in a password, @ is written %40, : %3A, / %2F and % %25") from None
    if parsed.host and "@" in f"{parsed.host}{parsed.database}":
        raise ValueError("an @ too many; in a password it is written %40")
    return url


class Settings(BaseSettings):
    """Each field is read from the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, hide_input_in_errors=True)

    database_url: Annotated[str, AfterValidator(_check_url)] = Field(
        default="sqlite:///.run/batch.sqlite3", pattern=r"^(sqlite|(mysql|mariadb)\+pymysql)://", repr=False
    )
    database_password_file: FilePath | None = None
    database_retry_seconds: float = Field(default=30, ge=0)
    model_dir: Path = Path("models/artifacts/iris")
    model_version: int | None = Field(default=None, ge=0)
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)] = "INFO"
    log_format: Literal["text", "json"] = "text"


def load_settings() -> Settings:
    """Read the environment, and send all logs to stderr in the chosen format."""
    try:
        settings = Settings()
    except ValidationError as error:
        name, _, fault = first_error(error).replace(": Value error, ", ": ").partition(": ")
        raise BadSetting(f"{name.upper()}: {fault}") from None
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(LINE) if settings.log_format == "json" else logging.Formatter(LINE))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)  # tracebacks of connections that were lost
    return settings
