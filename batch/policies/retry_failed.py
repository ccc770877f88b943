"""Try the rows that failed again in the same run, after a pause that doubles each time."""

import logging
import time
from collections.abc import Callable, Collection
from math import ldexp

from sqlalchemy import Connection, select

from ..database import read
from ..queries import Part
from ..runner import Runner
from ..tables import Item, State

log = logging.getLogger(__name__)
Pause = Callable[[float], None]  # sleeps for that many seconds


def retry_failed(runner: Runner, max_attempts: int = 3, backoff: float = 1, pause: Pause = time.sleep) -> None:
    """Try each row once, then those that failed, until each has been tried `max_attempts` times."""
    runner.sweep(runner.parts)
    for attempt in range(max_attempts - 1):
        failed = sorted(runner.result.failed)
        if not failed:
            return
        back_off(pause, ldexp(backoff, attempt), len(failed))
        for start in range(0, len(failed), runner.chunk_rows):
            ids = failed[start : start + runner.chunk_rows]
            runner.sweep(only(part, ids) for part in runner.parts)
            runner.result.failed -= runner.retry(read, runner.engine, done, ids)  # by another runner


def only(part: Part, ids: Collection[int]) -> Part:
    """Return those of the rows `ids` that belong to a part."""
    return Part(part.state, (*part.where, Item.id.in_(ids)))


def done(connection: Connection, ids: Collection[int]) -> set[int]:
    """Return those of the rows `ids` that have a prediction and no reason for a failure."""
    query = select(Item.id).where(Item.id.in_(ids), Item.state == State.DONE, Item.reason.is_(None))
    return set(connection.scalars(query))


def back_off(pause: Pause, seconds: float, failed: int) -> None:
    """Wait before the next try."""
    log.warning("%d rows failed, trying again in %g s", failed, seconds)
    pause(seconds)
