"""The settings of the proxy and the worker: environment variables, read once when a program starts."""

from typing import Annotated, TypeVar

from pydantic import Field, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound=BaseSettings)
Seconds = Annotated[float, Field(ge=0.001, le=1e9)]  # Redis counts whole milliseconds
_ADDRESSES = r"^((https://|dns://[^/\s,]*/)?[^/\s,]+:\d+(,|$))+$"
QUEUE = "jobs"  # the default; the other keys of this queue have no prefix
_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]*"
_TAKEN = ".*_(running|ended|callbacks|undelivered|changed|letters|counters|positions|job|image|key)"  # by other keys


class Settings(BaseSettings):
    """Times are in seconds. A field's name in capitals is its environment variable."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, regex_engine="python-re")

    redis_url: str = "redis://127.0.0.1:6379/0"
    redis_connections: int = Field(default=64, ge=1, le=10_000)
    queue: str = Field(default=QUEUE, pattern=f"^(?!{_TAKEN}$)(\\{{{_NAME}\\}}|{_NAME})$")

    max_queued_jobs: PositiveInt = 10_000
    job_lifetime: Seconds = 300
    result_lifetime: Seconds = 3600

    serving_grpc: str = Field(default="127.0.0.1:8500", pattern=_ADDRESSES)
    model_name: str = "digits"
    model_version: PositiveInt | None = None
    worker_processes: int = Field(default=2, ge=1, le=64)
    batch_size: int = Field(default=32, ge=1, le=512)
    predict_timeout: Seconds = 30
    lease: Seconds = 15
    max_attempts: PositiveInt = 3


def read_environment(kind: type[S]) -> S:
    """Return the settings of this class; a wrong value ends the program with one line that names it."""
    try:
        return kind()
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}".removeprefix(": ") for e in error.errors())
        raise SystemExit("wrong settings: " + "; ".join(wrong)) from None


def load_settings() -> Settings:
    """Read the environment."""
    settings = read_environment(Settings)
    from .logs import set_up_logs  # optional: logs

    set_up_logs()  # optional: logs
    return settings
