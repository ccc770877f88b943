"""Wait for rows that other transactions have locked, and count those that stay locked."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings
from sqlalchemy import Connection, Row, func

from ..queries import Part
from ..runner import Runner
from ..settings import FROM_ENVIRONMENT
from ..tables import Item

LONGEST_PAUSE = 1.0  # seconds


class HeldSettings(BaseSettings):
    """How long a run waits at its end for rows that others hold, in seconds."""

    model_config = FROM_ENVIRONMENT

    held_rows_seconds: float = Field(default=30, ge=0)


@dataclass(frozen=True, kw_only=True)
class Untried(Part):
    """The rows of `part` without those that the run has `tried`, which may be too many for a condition."""

    part: Part
    tried: Collection[int]

    def claim(self, connection: Connection, last: Row[Any] | None, limit: int) -> Sequence[Row[Any]]:
        while rows := self.part.claim(connection, last, limit):
            if untried := [row for row in rows if row.id not in self.tried]:
                return untried
            last = rows[-1]
        return []


@contextmanager
def wait_for_held_rows(runner: Runner, pause: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Wait after a run until no row is held, or HELD_ROWS_SECONDS have passed; try rows that are released meanwhile.

    With retry-all, whose rows are published together, rows that are held are only counted.
    `runner.result.held` is then how many rows are held.
    """
    seconds = HeldSettings().held_rows_seconds
    yield
    if runner.policy_name == "retry-all":
        count_held(runner)
        return
    end, step = time.monotonic() + seconds, 0.05
    while count_held(runner) and time.monotonic() < end:
        pause(min(step, max(end - time.monotonic(), 0)))
        step = min(2 * step, LONGEST_PAUSE)
        _try_released(runner)
    _try_released(runner)  # those that were released after the last try and before the count


def _try_released(runner: Runner) -> None:
    tried = runner.result.failed
    runner.sweep(Untried(part.state, part.where, part=part, tried=tried) for part in runner.parts)


def count_held(runner: Runner) -> int:
    """Return how many rows the run may claim but cannot, because others have locked them."""
    runner.result.held = runner.retry(_count_held, runner)
    return runner.result.held


def _count_held(runner: Runner) -> int:
    with runner.engine.begin() as connection:
        left: int = runner.count(connection, runner.parts)
        if not left:
            return 0
        if runner.result.failed and runner.policy_name == "retry-all":  # every row is left
            return 0
        # In this order, a row that another runner finishes between the two counts is in neither of them.
        free = _count(connection, runner.parts, free=True)
        locked = _count(connection, runner.parts) - free  # both counts include the rows that failed in this run
        return min(max(locked, 0), left)  # a scope may leave room for fewer


def _count(connection: Connection, parts: Sequence[Part], *, free: bool = False) -> int:
    """Count the rows of all parts; with `free` only those that are not locked, and lock them for this transaction."""
    queries = [part.select().with_only_columns(func.count(Item.id)).order_by(None) for part in parts]
    queries = [query.with_for_update(skip_locked=True) for query in queries] if free else queries
    return sum(connection.scalar(query) or 0 for query in queries)
