"""The settings of the root. Each optional folder has its own."""

from pathlib import Path

from pydantic import NonNegativeInt, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment variables, read once, when the application is created: MODEL_DIR is `model_dir`, and so on."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    model_dir: Path = Path("models/artifacts/iris")
    model_version: NonNegativeInt | None = None  # None: the highest version
    onnx_threads: PositiveInt = 1  # in one prediction; more threads than CPUs would compete with the other workers
    max_rows: PositiveInt = 10_000
