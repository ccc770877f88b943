"""The settings: environment variables, read once by `load_settings()`."""

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


def load_settings() -> Settings:
    """Return the settings from the environment."""
    settings = Settings()
    from .logs import set_up_logs  # optional: logs

    set_up_logs()  # optional: logs
    return settings
