"""The record of a run: a row that is written at its start, every few seconds, and at its end."""

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, insert, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from ..errors import Exit, ServiceError, as_service_error
from ..runner import Runner
from .tables import Outcome, Run

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5


@contextmanager
def record(runner: Runner) -> Iterator[None]:
    """Keep a run's row in the table while the context lasts; how the context ends is the outcome of the run."""
    row = _Row(runner)
    runner.hooks.append(row.heartbeat)
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        row.close(_outcome(error, bool(runner.result.failed)))


class _Row:
    def __init__(self, runner: Runner) -> None:
        self._runner, self._started = runner, time.monotonic()
        self._last_heartbeat = self._started
        self._id = runner.retry(self._insert)

    def heartbeat(self, _: int) -> None:
        """Write every few seconds that the run is alive. An error is logged; the next heartbeat writes everything."""
        runner, now = self._runner, time.monotonic()
        if now - self._last_heartbeat < HEARTBEAT_SECONDS:
            return
        if runner.policy_name == "retry-all" and runner.engine.dialect.name == "sqlite":
            return  # the run has locked the file until its end, and would wait for itself
        self._last_heartbeat = now
        try:
            self._update()
        except (OperationalError, InterfaceError) as error:  # the latter: a connection that was closed meanwhile
            log.warning("the heartbeat of this run is not recorded: %s", error.orig)

    def close(self, outcome: Outcome) -> None:
        """Write how the run ended; if that fails, log the outcome instead."""
        try:
            self._update(outcome=outcome, finished_at=func.now())
        except DBAPIError as lost:
            log.warning("the outcome of this run, %s, is not recorded: %s", outcome.value, lost.orig)

    def _insert(self) -> int:
        runner = self._runner
        row = insert(Run).values(
            model_version=runner.model.version,
            policy=runner.policy_name,
            scope=runner.result.scope,
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        with runner.engine.begin() as connection:
            return int(connection.execute(row).lastrowid)

    def _update(self, **values: Any) -> None:
        result, seconds = self._runner.result, round(time.monotonic() - self._started, 3)
        values |= {"rows_done": result.done, "rows_failed": len(result.failed)}
        values |= {"rows_held": result.held}
        values |= {"seconds": seconds, "seen_at": func.now()}
        with self._runner.engine.begin() as connection:
            connection.execute(update(Run).where(Run.id == self._id).values(values))


def _outcome(error: BaseException | None, rows_failed: bool) -> Outcome:
    match error:
        case None:
            return Outcome.ROWS_FAILED if rows_failed else Outcome.DONE
        case ServiceError(exit_code=Exit.DEADLINE):
            return Outcome.DEADLINE
        case ServiceError(exit_code=Exit.INTERRUPTED | Exit.TERMINATED) | SystemExit() | KeyboardInterrupt():
            return Outcome.TERMINATED
    known = as_service_error(error)
    return Outcome.DATABASE_LOST if known and known.exit_code is Exit.DATABASE else Outcome.CRASHED
