"""The settings of the root. Each optional folder has its own."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, NonNegativeInt, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

Level = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(str.lower)]


class Settings(BaseSettings):
    """Environment variables, read once, when the application is created: MODEL_DIR is `model_dir`, and so on."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    model_dir: Path = Path("models/artifacts/iris")
    model_version: NonNegativeInt | None = None  # None: the highest version
    onnx_threads: PositiveInt = 1  # in one prediction; more threads than CPUs would compete with the other workers
    max_rows: PositiveInt = 10_000
    log_level: Level = "info"
