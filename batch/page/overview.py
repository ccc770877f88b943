"""What the page shows of the database, read at most once in a second however many pages are open."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, func, literal, select

from ..errors import ServiceError
from ..migrate import schema
from ..tables import Item, State

MOST = 10_000  # rows of a state that are counted, so a count costs little however large the table is
LAST_RUNS = 10
FRESH_SECONDS = 1
WAIT_SECONDS = 5
LastRuns = Callable[[Connection, int, datetime], list[dict[str, Any]]]


class NoOverview(ServiceError):
    """The database does not answer."""

    status = 503


class Overview:
    """The number of rows in each state, up to MOST, and the last runs; None if `last_runs` is None."""

    def __init__(self, engine: Engine, last_runs: LastRuns | None) -> None:
        self._engine, self._last_runs = engine, last_runs
        self._lock, self._read_at = Lock(), 0.0
        self._last: dict[str, Any] = {}

    def __call__(self) -> dict[str, Any]:
        """Return what was read in the last second, or read; raise `NoOverview` if another read takes long."""
        # Only one thread waits for the database for long. The others remain for the API.
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise NoOverview(f"database unavailable: no answer in {WAIT_SECONDS} s")
        try:
            if not self._last or time.monotonic() - self._read_at > FRESH_SECONDS:
                self._last = self._read()
                self._read_at = time.monotonic()
            return self._last
        finally:
            self._lock.release()

    def _read(self) -> dict[str, Any]:
        with self._engine.connect() as connection:
            schema.check(connection)
            now = connection.execute(select(func.now())).scalar_one()
            rows = {state.value: _count(connection, state) for state in State}
            runs = self._last_runs and self._last_runs(connection, LAST_RUNS, now)
        return {"now": _utc(now), "most": MOST, "rows": rows, "runs": runs and [_as_json(run) for run in runs]}


def _count(connection: Connection, state: State) -> int:
    some = select(literal(1)).where(Item.state == state).limit(MOST).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def _as_json(run: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _utc(value) if isinstance(value, datetime) else value for name, value in run.items()}


def _utc(moment: datetime) -> str:
    return moment.replace(tzinfo=UTC).isoformat()
