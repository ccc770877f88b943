"""The settings of this folder."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from ..settings import Seconds


class SupervisionSettings(BaseSettings):
    """Times are in seconds."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    hang_after: Seconds = 60
    heartbeat_file: Path | None = None
