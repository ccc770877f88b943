"""Which errors of a database are transient, and the waiting between the tries."""

import logging
import sqlite3
import time
from collections.abc import Callable

from pydantic import Field
from pydantic_settings import BaseSettings
from sqlalchemy.exc import DBAPIError
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from ..settings import FROM_ENVIRONMENT

log = logging.getLogger(__name__)

# Codes of MySQL and MariaDB: row changed, too many connections (of all, of a user, of this user), shutting down, lock
# wait, deadlock, interrupted, killed, no server at the socket or address, gone, lost; and where a failover is near:
# no commit in Galera, a server in offline mode, no commit in a group, rolled back in a group, session killed.
TRANSIENT = {1020, 1040, 1053, 1203, 1205, 1213, 1226, 1317, 1927, 2002, 2003, 2006, 2013, 2055}
TRANSIENT |= {1180, 3032, 3100, 3101, 3169}

LOCK_WAIT = 1205  # after innodb_lock_wait_timeout, by default 50 s


class RetrySettings(BaseSettings):
    """How long a transaction waits for a database that is unavailable, in seconds."""

    model_config = FROM_ENVIRONMENT

    database_retry_seconds: float = Field(default=30, ge=0)


def is_transient(error: BaseException) -> bool:
    """Return whether the same transaction may succeed when it is tried again."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return error.connection_invalidated or bool(TRANSIENT.intersection(error.orig.args[:1] if error.orig else ()))


def retrying(sleep: Callable[[float], None] = time.sleep, seconds: float | None = None) -> Retrying:
    """Return a `Retrying` that calls a transaction again after a deadlock, a lock wait or a lost connection.

    `seconds` (None: the setting) limits the waiting between calls and not the calls, so a long transaction gets a
    second try too. Where a call has waited for a lock once more, its time counts, as it is the server's waiting.
    """
    most = RetrySettings().database_retry_seconds if seconds is None else seconds
    return Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=lambda state: _waited(state) >= most,
        sleep=sleep,
        before_sleep=_log_error,
        reraise=True,
    )


def _waited(state: RetryCallState) -> float:
    error = state.outcome and state.outcome.exception()
    if state.attempt_number > 1 and isinstance(error, DBAPIError) and error.orig and LOCK_WAIT in error.orig.args[:1]:
        return state.seconds_since_start or 0
    return state.idle_for


def _log_error(state: RetryCallState) -> None:
    error = state.outcome and state.outcome.exception()
    log.warning("trying again: %s", error.orig if isinstance(error, DBAPIError) else error)
