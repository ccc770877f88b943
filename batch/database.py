"""The engine, its transactions, and which of a database's errors pass by themselves."""

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from .settings import Settings

log = logging.getLogger(__name__)

# MySQL's and MariaDB's codes: row changed, too many connections, shutting down, lock wait, deadlock, interrupted,
# killed, no server at the socket or address, gone, lost.
PASSING = {1020, 1040, 1053, 1205, 1213, 1317, 1927, 2002, 2003, 2006, 2013, 2055}
UNAVAILABLE = (OperationalError, InterfaceError, DatabaseError)


def connect(settings: Settings, read_timeout: int | None = 60) -> Engine:
    """Return an engine for `DATABASE_URL`; nothing is connected yet. A statement may take `read_timeout` seconds."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    file = settings.database_password_file
    password = file.read_text().strip() if file else url.password or ""
    return create_engine(
        url,
        # No gap locks, as REPEATABLE READ has: a claim keeps nobody from adding rows or from claiming the next ones.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        hide_parameters=True,
        json_deserializer=readable,
        connect_args={
            "password": password.encode(),  # the driver would take it for Latin-1
            "connect_timeout": 5,
            "read_timeout": read_timeout,
            "write_timeout": 60,
            "init_command": "SET time_zone = '+00:00'",
        },
    )


def _sqlite(url: URL) -> Engine:
    """SQLite locks the file as a whole, so writers queue at BEGIN: a claim waits, and never meets half of another's."""
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, json_deserializer=readable, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'IMMEDIATE')}")

    return engine


def readable(stored: str) -> Any:
    """Read JSON; what Python cannot read or write, though the database took it, is its text: a page must show it."""
    try:
        return from_json(stored)
    except ValueError:
        return stored


def readers(engine: Engine) -> Engine:
    """Return `engine` for reading: on SQLite it neither waits for a writer nor makes one wait."""
    return engine.execution_options(begin="DEFERRED")


def passes(error: BaseException) -> bool:
    """Tell whether the same transaction may well succeed when it is tried again."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return error.connection_invalidated or _code(error) in PASSING


def retrying(seconds: float, sleep: Callable[[float], None] = time.sleep) -> Retrying:
    """Call a transaction again while it meets a deadlock, a lock wait or a lost connection.

    `seconds` bounds the waiting between calls and not the calls, so that a long transaction gets its second chance too.
    """
    return Retrying(
        retry=retry_if_exception(passes),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=lambda state: state.idle_for >= seconds,
        sleep=sleep,
        before_sleep=_say,
        reraise=True,
    )


def unavailable(error: DBAPIError) -> str | None:
    """Return one line without SQL, values or credentials when the database cannot serve now; None for a bug of ours."""
    return f"database unavailable: {error.orig}" if type(error) in UNAVAILABLE else None


def _code(error: DBAPIError) -> Any:
    return error.orig.args[0] if error.orig and error.orig.args else None


def _say(state: RetryCallState) -> None:
    error = state.outcome and state.outcome.exception()
    log.warning("trying again: %s", error.orig if isinstance(error, DBAPIError) else error)
