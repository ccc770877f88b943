"""Publish all rows or none: one transaction, which starts over if a row fails."""

import time
from dataclasses import replace
from math import ldexp
from typing import Any

from sqlalchemy import Row

from .. import queries
from ..runner import Runner
from .retry_failed import Pause, back_off, only


def retry_all(runner: Runner, max_attempts: int = 3, backoff: float = 1, pause: Pause = time.sleep) -> None:
    """Predict all rows in one transaction. If a row fails, start over; after the last try keep only the reasons."""
    for attempt in range(max_attempts):
        reasons = runner.retry(_publish_all, runner)
        if not reasons:
            return
        if attempt + 1 < max_attempts:
            back_off(pause, ldexp(backoff, attempt), len(reasons))
    runner.retry(write_reasons, runner, reasons)
    runner.result.failed = set(reasons)


def _publish_all(runner: Runner) -> dict[int, str]:
    """Predict all rows and commit, or roll back at the first chunk with failed rows and return their reasons."""
    result = replace(runner.result, failed=set())
    with runner.engine.connect() as connection, connection.begin() as transaction:
        if getattr(connection.dialect, "is_mariadb", False):  # between two writes a slow model may take its time
            connection.exec_driver_sql("SET idle_write_transaction_timeout = DEFAULT")
        for part in runner.parts:
            call_hooks(runner, result.rows)
            last: Row[Any] | None = None
            while rows := part.claim(connection, last, runner.chunk_rows):
                predictions, last = runner.predict(connection, rows), rows[-1]
                if predictions.failed:
                    transaction.rollback()
                    return predictions.failed
                result.add(predictions)
                call_hooks(runner, result.rows)
    runner.result = result
    return {}


def call_hooks(runner: Runner, rows: int) -> None:
    for hook in runner.hooks:
        hook(rows)


def write_reasons(runner: Runner, reasons: dict[int, str]) -> None:
    """Write why rows failed, except for rows that another runner has claimed or predicted since."""
    with runner.engine.begin() as connection:
        for part in runner.parts:
            rows = only(part, reasons).claim(connection, None, len(reasons))
            queries.write_failed(connection, {row.id: reasons[row.id] for row in rows})
