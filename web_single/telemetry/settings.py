"""What is logged, and how."""

from typing import Annotated, Literal

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

Level = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(str.lower)]


class TelemetrySettings(BaseSettings):
    """Environment variables: ACCESS_LOG is `access_log`, and so on."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    log_level: Level = "info"
    log_format: Literal["text", "json"] = "text"
    access_log: bool = False
