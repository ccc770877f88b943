"""The settings of this folder."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..settings import Seconds


def _can_be_created(file: Path) -> Path:
    if not os.access(file.parent, os.W_OK):
        raise ValueError(f"no file can be created in {file.parent}")
    return file


class SupervisionSettings(BaseSettings):
    """Times are in seconds."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    hang_after: Seconds = 60
    heartbeat_file: Annotated[Path, AfterValidator(_can_be_created)] | None = None
