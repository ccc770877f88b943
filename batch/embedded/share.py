"""How several programs share an SQLite file."""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, event

SECONDS = 30  # that a program waits for the lock of the file


def share_file(engine: Engine) -> None:
    """Make writers queue at BEGIN: SQLite locks the file and no rows, so a second claim waits for the first."""

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        connection.text_factory = _decode
        connection.execute(f"PRAGMA busy_timeout = {SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'IMMEDIATE')}")


def _decode(stored: bytes) -> str:
    # SQLite accepts any bytes as text. Escaped like this, bytes that are not UTF-8 are not JSON: their row fails alone.
    return stored.decode(errors="backslashreplace")


def readers(engine: Engine) -> Engine:
    """Return `engine` for reading: on SQLite it neither waits for a writer nor blocks one."""
    return engine.execution_options(begin="DEFERRED")
