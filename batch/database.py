"""The engine: a MySQL or MariaDB server, or an SQLite file."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from .connections import heal, read_address  # optional: connections
from .settings import Settings

Call = Callable[..., Any]


def connect(settings: Settings, read_timeout: int | None = 60) -> Engine:
    """Return an engine for `DATABASE_URL`; nothing is connected yet. A statement may take `read_timeout` seconds."""
    arguments: dict[str, Any] = {"connect_timeout": 5, "read_timeout": read_timeout, "write_timeout": 60}
    address: str | URL = settings.database_url
    address, arguments = read_address(settings.database_url, arguments)  # optional: connections
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    arguments["init_command"] = "SET time_zone = '+00:00'"
    # Without the gap locks of REPEATABLE READ, a claim does not block inserts or the claims of others.
    options: dict[str, Any] = {"isolation_level": "READ COMMITTED", "pool_pre_ping": True, "hide_parameters": True}
    engine = create_engine(url, connect_args=arguments, **options)
    heal(engine)  # optional: connections
    return engine


def _sqlite(url: URL) -> Engine:
    """Return an engine whose writers queue at BEGIN: SQLite locks the file, so a second claim waits for the first."""
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'IMMEDIATE')}")

    return engine


def readers(engine: Engine) -> Engine:
    """Return `engine` for reading: on SQLite it neither waits for a writer nor blocks one."""
    return engine.execution_options(begin="DEFERRED")


def read(engine: Engine, query: Call, *arguments: Any) -> Any:
    """Return what `query` returns on a connection for reading."""
    with readers(engine).connect() as connection:
        return query(connection, *arguments)


def call(function: Call, *arguments: Any) -> Any:
    """Call a function that runs one transaction. An optional part calls it again after a transient error."""
    return function(*arguments)
