"""The record of runs: one row for each, written at its start, every few seconds, and at its end."""

import logging
import os
import socket
import time
from types import TracebackType
from typing import Any

from sqlalchemy import func, insert, update
from sqlalchemy.exc import DBAPIError

from .database import passes, retrying, unavailable
from .deadline import DeadlineReached, Terminated
from .runner import Runner
from .scope import Policy
from .tables import Outcome, Run

log = logging.getLogger(__name__)

SECONDS_BETWEEN_SIGNS = 5


class Record:
    """Keeps a run's row in the table while the context lasts; the context's end is the run's outcome."""

    def __init__(self, runner: Runner, policy: Policy) -> None:
        self._runner, self._policy, self._started = runner, policy, time.monotonic()
        self._signed = self._started

    def __enter__(self) -> None:
        self._id = retrying(self._runner.retry_seconds)(self._start)
        report = self._runner.report

        def report_and_sign(rows: int) -> None:
            report(rows)
            self._sign()

        self._runner.report = report_and_sign

    def _sign(self) -> None:
        """Every few seconds say that the run lives; what does not get through is said the next time."""
        runner, now = self._runner, time.monotonic()
        if now - self._signed < SECONDS_BETWEEN_SIGNS:
            return
        if self._policy is Policy.RETRY_ALL and runner.engine.dialect.name == "sqlite":
            return  # it has the file to itself until its end, and would wait for itself
        self._signed = now
        try:
            self._write()
        except DBAPIError as error:
            if not passes(error):
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = _outcome(error, bool(self._runner.tally.failed))
        try:
            retrying(1)(self._write, outcome=outcome, finished_at=func.now())
        except DBAPIError as lost:
            log.warning("the outcome of this run, %s, is not recorded: %s", outcome.value, lost.orig)

    def _start(self) -> int:
        runner = self._runner
        with runner.engine.begin() as connection:
            row = insert(Run).values(
                model_version=runner.predictor.version,
                policy=self._policy.value,
                scope=str(runner.scope),
                host=socket.gethostname(),
                pid=os.getpid(),
            )
            return int(connection.execute(row).lastrowid)

    def _write(self, **values: Any) -> None:
        tally, seconds = self._runner.tally, round(time.monotonic() - self._started, 3)
        values |= {"rows_done": tally.done, "rows_failed": len(tally.failed), "seconds": seconds, "seen_at": func.now()}
        with self._runner.engine.begin() as connection:
            connection.execute(update(Run).where(Run.id == self._id).values(values))


def _outcome(error: BaseException | None, rows_failed: bool) -> Outcome:
    match error:
        case None:
            return Outcome.ROWS_FAILED if rows_failed else Outcome.DONE
        case DeadlineReached():
            return Outcome.DEADLINE
        case Terminated() | SystemExit() | KeyboardInterrupt():
            return Outcome.TERMINATED
        case DBAPIError() if unavailable(error):
            return Outcome.DATABASE_LOST
    return Outcome.CRASHED
