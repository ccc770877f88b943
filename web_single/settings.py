"""Every setting of the service: environment variables, read once, when the service is built."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

Level = Literal["debug", "info", "warning", "error", "critical"]


class Settings(BaseSettings):
    """`model_dir` is the variable MODEL_DIR, and so on."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    model_dir: Path = Path("models/artifacts/iris")
    model_version: NonNegativeInt | None = None  # the highest there is
    onnx_threads: PositiveInt = 1  # in one prediction; the workers are the parallelism, and more would make them fight
    max_rows: PositiveInt = 10_000
    max_body_bytes: PositiveInt = 1024 * 1024
    body_timeout: Annotated[float, Field(gt=0, le=600)] = 10.0  # seconds for all of a body to arrive
    max_in_flight: PositiveInt = 128  # requests in one worker; each may hold a body, and the next waits for all of them
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 1.0  # between /ready saying no and the stop
    log_level: Annotated[Level, BeforeValidator(str.lower)] = "info"
    log_format: Literal["text", "json"] = "text"
    access_log: bool = False
