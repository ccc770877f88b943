"""The settings of this folder, and the password that they name."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic_settings import BaseSettings, SettingsConfigDict
from redis import CredentialProvider

from ..settings import read_environment


class ConnectionSettings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    redis_password_file: Path | None = None


class PasswordFile(CredentialProvider):
    """Reads the password for each connection, so that a password may be replaced while the program works."""

    def __init__(self, user: str, file: Path) -> None:
        self._user, self._file, self._password = user, file, file.read_text().strip()

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return the user, if there is one, and the current password, or the last one that could be read."""
        with suppress(OSError, UnicodeDecodeError):  # it may be missing while it is replaced
            self._password = self._file.read_text().strip()
        return (self._user, self._password) if self._user else (self._password,)


def with_password(url: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a URL and the options of a client; with REDIS_PASSWORD_FILE, the options hold the credentials.

    A password in a file needs no escaping, unlike in a URL.
    """
    file = read_environment(ConnectionSettings).redis_password_file
    if file is None:
        return url, options
    userinfo, at, _ = urlsplit(url).netloc.rpartition("@")
    try:
        provider = PasswordFile(unquote(userinfo.partition(":")[0]), file)
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"wrong settings: REDIS_PASSWORD_FILE: {file} cannot be read: {error}") from None
    return url.replace(f"{userinfo}{at}", "", 1), options | {"credential_provider": provider}
