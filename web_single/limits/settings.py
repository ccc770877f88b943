"""The limits of one request and of one worker."""

from typing import Annotated, Any

from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class LimitsSettings(BaseSettings):
    """Environment variables: MAX_BODY_BYTES is `max_body_bytes`, and so on."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    max_body_bytes: PositiveInt = 1024 * 1024
    body_timeout: Annotated[float, Field(gt=0, le=600)] = 10.0  # seconds in which a body must arrive
    max_in_flight: PositiveInt = 128  # requests in one worker; each may hold a body, and the last waits for all others


def limits_settings() -> dict[str, Any]:
    """Return gunicorn's settings for the limits: a stop waits for a body that may still arrive, and its answer."""
    return {"graceful_timeout": int(LimitsSettings().body_timeout) + 10}
