"""The engine: a MySQL or MariaDB server, or an SQLite file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url

from .extras import database as extras  # optional: extras
from .settings import Settings

Call = Callable[..., Any]


def connect(settings: Settings, read_timeout: int | None = 60) -> Engine:
    """Return an engine for `DATABASE_URL`; nothing is connected yet. A statement may take `read_timeout` seconds."""
    arguments: dict[str, Any] = {"connect_timeout": 5, "read_timeout": read_timeout, "write_timeout": 60}
    address: str | URL = settings.database_url
    address, arguments = extras.parse_address(address, arguments)  # optional: extras
    url, options = make_url(address), dict[str, Any]()
    if url.get_backend_name() == "sqlite":
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    else:
        arguments["init_command"] = "SET time_zone = '+00:00'"
        # Without the gap locks of REPEATABLE READ, a claim does not block inserts or the claims of others.
        options = {"isolation_level": "READ COMMITTED", "pool_pre_ping": True, "connect_args": arguments}
    engine = create_engine(url, hide_parameters=True, **options)
    extras.add_to(engine)  # optional: extras
    return engine


def read(engine: Engine, query: Call, *arguments: Any) -> Any:
    """Return what `query` returns on a connection for reading."""
    engine = extras.reading_engine(engine)  # optional: extras
    with engine.connect() as connection:
        return query(connection, *arguments)
