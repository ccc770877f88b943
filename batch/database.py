"""The engine: a MySQL or MariaDB server, or an SQLite file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url

from .connections import heal, read_address  # optional: connections
from .embedded import readers, share_file  # optional: embedded
from .settings import Settings

Call = Callable[..., Any]


def connect(settings: Settings, read_timeout: int | None = 60) -> Engine:
    """Return an engine for `DATABASE_URL`; nothing is connected yet. A statement may take `read_timeout` seconds."""
    arguments: dict[str, Any] = {"connect_timeout": 5, "read_timeout": read_timeout, "write_timeout": 60}
    address: str | URL = settings.database_url
    address, arguments = read_address(settings.database_url, arguments)  # optional: connections
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, hide_parameters=True)
        share_file(engine)  # optional: embedded
        return engine
    arguments["init_command"] = "SET time_zone = '+00:00'"
    # Without the gap locks of REPEATABLE READ, a claim does not block inserts or the claims of others.
    options: dict[str, Any] = {"isolation_level": "READ COMMITTED", "pool_pre_ping": True, "hide_parameters": True}
    engine = create_engine(url, connect_args=arguments, **options)
    heal(engine)  # optional: connections
    return engine


def read(engine: Engine, query: Call, *arguments: Any) -> Any:
    """Return what `query` returns on a connection for reading."""
    engine = readers(engine)  # optional: embedded
    with engine.connect() as connection:
        return query(connection, *arguments)
