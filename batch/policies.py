"""What to do about rows that fail: leave them to the next run, retry them in this run, or publish all rows or none."""

import logging
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from . import queries
from .database import read
from .runner import Runner
from .schemas import Result

log = logging.getLogger(__name__)


class Policy(StrEnum):
    """What to do about rows that fail."""

    RETRY_ALL = "retry-all"
    RETRY_FAILED = "retry-failed"
    LEAVE = "leave"


def run(runner: Runner, policy: Policy) -> Result:
    """Predict the rows of a run. May raise `Stopped` between two chunks; `runner.result` is then what was committed."""
    {Policy.LEAVE: leave, Policy.RETRY_FAILED: retry_failed, Policy.RETRY_ALL: retry_all}[policy](runner)
    return runner.result


def leave(runner: Runner) -> None:
    """Try each row once; the next run tries those that failed, as long as they have attempts left."""
    runner.sweep(runner.rows.parts)


def retry_failed(runner: Runner) -> None:
    """Try the rows that failed again in this run, after a pause that doubles each time."""
    runner.sweep(runner.rows.parts)
    for attempt in range(runner.max_attempts - 1):
        failed = sorted(runner.result.failed)
        if not failed:
            return
        _back_off(runner, attempt, len(failed))
        for start in range(0, len(failed), runner.chunk_rows):
            ids = failed[start : start + runner.chunk_rows]
            runner.sweep(part.only(ids) for part in runner.rows.parts)
            runner.result.failed -= runner.retry(read, runner.engine, queries.done, ids)  # by another runner


def retry_all(runner: Runner) -> None:
    """Predict all rows in one transaction. If a row fails, start over; after the last try keep only the reasons."""
    for attempt in range(runner.max_attempts):
        reasons = runner.retry(_publish_all, runner)
        if not reasons:
            return
        if attempt + 1 < runner.max_attempts:
            _back_off(runner, attempt, len(reasons))
    runner.retry(_write_reasons, runner, reasons)
    runner.result.failed = set(reasons)


def _publish_all(runner: Runner) -> dict[int, str]:
    """Predict all rows and commit, or roll back at the first chunk with failed rows and return their reasons."""
    result = replace(runner.result, failed=set())
    with runner.engine.connect() as connection, connection.begin() as transaction:
        for part in runner.rows.parts:
            runner.call_hooks(result)
            last: Row[Any] | None = None
            while rows := part.claim(connection, last, runner.chunk_rows):
                predictions, last = runner.predict(connection, rows), rows[-1]
                if predictions.failed:
                    transaction.rollback()
                    return predictions.failed
                result.add(predictions)
                runner.call_hooks(result)
    runner.result = result
    return {}


def _write_reasons(runner: Runner, reasons: dict[int, str]) -> None:
    """Write why rows failed, except for rows that another runner has claimed or predicted since."""
    with runner.engine.begin() as connection:
        for part in runner.rows.parts:
            rows = part.only(reasons).claim(connection, None, len(reasons))
            queries.write_failed(connection, {row.id: reasons[row.id] for row in rows})


def _back_off(runner: Runner, attempt: int, failed: int) -> None:
    seconds = runner.backoff * 2**attempt
    log.warning("%d rows failed, trying again in %g s", failed, seconds)
    runner.pause(seconds)
