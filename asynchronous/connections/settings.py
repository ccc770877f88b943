"""The settings of this folder."""

from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, SettingsConfigDict

from ..settings import read_environment


class ConnectionSettings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    redis_password_file: Path | None = None


def password() -> dict[str, Any]:
    """Return the password in REDIS_PASSWORD_FILE as an option of a client; it needs no escaping, unlike in a URL."""
    file = read_environment(ConnectionSettings).redis_password_file
    if file is None:
        return {}
    try:
        return {"password": file.read_text().strip()}
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"wrong settings: REDIS_PASSWORD_FILE: {file} cannot be read: {error}") from None
