"""The settings of `make up` and `make demo`: environment variables."""

from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from . import servers
from .processes import ProgramFailed


class Settings(BaseSettings):
    """Ports of the programs that are started here, addresses of servers that are already running, and one model."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    web_single_port: int = 8000
    asynchronous_port: int = 8001
    batch_port: int = 8002
    serving_grpc_port: int = 8500
    serving_rest_port: int = 8501
    redis_port: int = 6379
    ready_seconds: float = 120
    serving_grpc: str | None = None
    serving_rest: str | None = None
    redis_url: str | None = None
    database_url: str | None = None
    model_dir: Path | None = None  # None: iris or digits

    @classmethod
    def read(cls, **given: Any) -> Self:
        """Return what is `given`, and the rest from the environment; raise `ProgramFailed` if a setting is wrong."""
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            raise ProgramFailed(f"{str(first['loc'][0]).upper()}: {first['msg']}") from None

    @classmethod
    def on_free_ports(cls) -> Self:
        """Return settings with ports that are free on this machine, for the models of this repository."""
        ports = {name: servers.free_port() for name in cls.model_fields if name.endswith("_port")}
        return cls.read(model_dir=None, **ports)

    def environment(self, folder: Path) -> dict[str, str]:
        """Return every program's environment: the given servers, or the embedded ones with their data in `folder`."""
        return {
            "SERVING_GRPC": self.serving_grpc or f"127.0.0.1:{self.serving_grpc_port}",
            "SERVING_REST": self.serving_rest or f"http://127.0.0.1:{self.serving_rest_port}",
            "REDIS_URL": self.redis_url or f"redis://127.0.0.1:{self.redis_port}/0",
            "DATABASE_URL": self.database_url or f"sqlite:///{folder / 'batch.sqlite3'}",
        }
