"""The engine, its transactions, and which errors a second try may get past."""

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from .settings import Settings

log = logging.getLogger(__name__)

# Codes of MySQL and MariaDB: row changed, too many connections, shutting down, lock wait, deadlock, interrupted,
# killed, no server at the socket or address, gone, lost.
TRANSIENT = {1020, 1040, 1053, 1205, 1213, 1317, 1927, 2002, 2003, 2006, 2013, 2055}


def connect(settings: Settings, read_timeout: int | None = 60) -> Engine:
    """Return an engine for `DATABASE_URL`; nothing is connected yet. A statement may take `read_timeout` seconds."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    file = settings.database_password_file
    password = file.read_text().strip() if file else url.password or ""
    return create_engine(
        url,
        # Without the gap locks of REPEATABLE READ, a claim does not block inserts or the claims of others.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "password": password.encode(),  # the driver would encode it as Latin-1
            "connect_timeout": 5,
            "read_timeout": read_timeout,
            "write_timeout": 60,
            "init_command": "SET time_zone = '+00:00'",
        },
    )


def _sqlite(url: URL) -> Engine:
    """SQLite locks its whole file, so writers queue at BEGIN: a second claim waits for the first transaction."""
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


def read(engine: Engine, query: Callable[..., Any], *arguments: Any) -> Any:
    """Return the answer to a query."""
    with readers(engine).connect() as connection:
        return query(connection, *arguments)


def is_transient(error: BaseException) -> bool:
    """Return whether the same transaction may succeed when it is tried again."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return error.connection_invalidated or bool(TRANSIENT.intersection(error.orig.args[:1] if error.orig else ()))


def retrying(seconds: float, sleep: Callable[[float], None] = time.sleep) -> Retrying:
    """Call a transaction again after a deadlock, a lock wait or a lost connection.

    `seconds` limits the waiting between calls and not the calls, so a long transaction gets a second try too.
    """
    return Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=lambda state: state.idle_for >= seconds,
        sleep=sleep,
        before_sleep=_log_error,
        reraise=True,
    )


def _log_error(state: RetryCallState) -> None:
    error = state.outcome and state.outcome.exception()
    log.warning("trying again: %s", error.orig if isinstance(error, DBAPIError) else error)
