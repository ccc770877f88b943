"""The settings of this folder."""

import base64
import binascii
import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..settings import Seconds

_HOST = r"(https?://)?(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?"


class CallbackSettings(BaseSettings):
    """Times are in seconds."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    callback_hosts: str = Field(default="", pattern=rf"^({_HOST}(,{_HOST})*)?$")
    callback_private: bool = False  # whether a host may have an address of a private network


def _has_secrets(file: Path) -> Path:
    """Return `file` if it holds at least one secret. It holds several while receivers change to a new one."""
    try:
        words = file.read_text().split()
        secrets = [base64.b64decode(word.removeprefix("whsec_"), validate=True) for word in words]
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError(f"{file} does not contain whsec_ and base64") from None
    if min(map(len, secrets), default=0) < 24:
        raise ValueError(f"{file} contains fewer than 24 bytes in base64")
    return file


def _can_be_created(file: Path) -> Path:
    if not os.access(file.parent, os.W_OK):
        raise ValueError(f"no file can be created in {file.parent}")
    return file


class DeliverySettings(CallbackSettings):
    """The settings of the program that delivers."""

    callback_secret_file: Annotated[Path, AfterValidator(_has_secrets)] | None = None  # the program needs it
    callback_timeout: float = Field(default=10, gt=0, le=30)
    callback_attempts: PositiveInt = 8
    callback_first_pause: Seconds = 2
    heartbeat_file: Annotated[Path, AfterValidator(_can_be_created)] | None = None
