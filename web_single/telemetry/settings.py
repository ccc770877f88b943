"""What is logged, and how."""

from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class TelemetrySettings(BaseSettings):
    """Environment variables: ACCESS_LOG is `access_log`, and so on."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    log_format: Literal["text", "json"] = "text"
    access_log: bool = False
