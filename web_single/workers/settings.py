"""How the service stops."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkersSettings(BaseSettings):
    """Environment variables: DRAIN_SECONDS is `drain_seconds`."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 1.0  # between /ready answering 503 and the stop
