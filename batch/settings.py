"""The settings: environment variables, read once by each program."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

FROM_ENVIRONMENT = SettingsConfigDict(frozen=True, env_ignore_empty=True, hide_input_in_errors=True)


class Settings(BaseSettings):
    """Each field is read from the environment variable of the same name in capitals."""

    model_config = FROM_ENVIRONMENT

    database_url: str = Field(default="sqlite:///.run/batch.sqlite3", repr=False)
    model_dir: Path = Path("models/artifacts/iris")
    model_version: int | None = Field(default=None, ge=0)
