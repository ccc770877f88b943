"""The settings of `make up` and `make demo`: environment variables."""

from pathlib import Path
from typing import Self

from pydantic_settings import BaseSettings, SettingsConfigDict

from . import servers


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
    def on_free_ports(cls) -> Self:
        """Return settings with ports that are free on this machine, for the models of this repository."""
        ports = [name for name in cls.model_fields if name.endswith("_port")]
        return cls.model_validate({"model_dir": None} | {name: servers.free_port() for name in ports})

    def environment(self, folder: Path) -> dict[str, str]:
        """Return every program's environment: the given servers, or the embedded ones with their data in `folder`."""
        return {
            "SERVING_GRPC": self.serving_grpc or f"127.0.0.1:{self.serving_grpc_port}",
            "SERVING_REST": self.serving_rest or f"http://127.0.0.1:{self.serving_rest_port}",
            "REDIS_URL": self.redis_url or f"redis://127.0.0.1:{self.redis_port}/0",
            "DATABASE_URL": self.database_url or f"sqlite:///{folder / 'batch.sqlite3'}",
        }
