"""The engine, its transactions, and which of a database's errors pass by themselves."""

import logging
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from .settings import Settings
from .tables import Base

log = logging.getLogger(__name__)

# MySQL's and MariaDB's codes: row changed, too many connections, shutting down, lock wait, deadlock, interrupted,
# killed, no server at the socket or address, gone, lost.
PASSING = {1020, 1040, 1053, 1205, 1213, 1317, 1927, 2002, 2003, 2006, 2013, 2055}
NO_SUCH_TABLE = 1146
UNAVAILABLE = (OperationalError, InterfaceError, DatabaseError)
CREATE_LOCK = "batch_create_tables"


def connect(settings: Settings) -> Engine:
    """Return an engine for `DATABASE_URL`; nothing is connected yet."""
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
        connect_args={
            "password": password.encode(),  # the driver would take it for Latin-1
            "connect_timeout": 5,
            "read_timeout": 60,
            "write_timeout": 60,
            "init_command": "SET time_zone = '+00:00'",
        },
    )


def _sqlite(url: URL) -> Engine:
    """SQLite locks the file as a whole, so writers queue at BEGIN: a claim waits, and never meets half of another's."""
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
    """Return `engine` for reading: on SQLite it neither waits for a writer nor makes one wait."""
    return engine.execution_options(begin="DEFERRED")


def create_tables(engine: Engine) -> None:
    """Create what is missing; several processes may do so at the same time."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            Base.metadata.create_all(connection)
            return
        connection.execute(select(func.get_lock(CREATE_LOCK, 30)))
        try:
            Base.metadata.create_all(connection)
        finally:
            connection.execute(select(func.release_lock(CREATE_LOCK)))


def passes(error: BaseException) -> bool:
    """Tell whether the same transaction may well succeed when it is tried again."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return error.connection_invalidated or _code(error) in PASSING


def retrying(seconds: float) -> Retrying:
    """Call a transaction again while it meets a deadlock, a lock wait or a lost connection.

    `seconds` bounds the waiting between calls and not the calls, so that a long transaction gets its second chance too.
    """
    return Retrying(
        retry=retry_if_exception(passes),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=lambda state: state.idle_for >= seconds,
        before_sleep=_say,
        reraise=True,
    )


def unavailable(error: DBAPIError) -> str | None:
    """Return one line without SQL, values or credentials when the database cannot serve now; None for a bug of ours."""
    if _code(error) == NO_SUCH_TABLE or "no such table" in str(error.orig):
        return f"database has no table yet, create it with `python -m batch.seed --rows 0`: {error.orig}"
    return f"database unavailable: {error.orig}" if type(error) in UNAVAILABLE else None


def _code(error: DBAPIError) -> Any:
    return error.orig.args[0] if error.orig and error.orig.args else None


def _say(state: RetryCallState) -> None:
    error = state.outcome and state.outcome.exception()
    log.warning("trying again: %s", error.orig if isinstance(error, DBAPIError) else error)
