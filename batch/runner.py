"""A run: chunk after chunk is claimed, predicted and written, each in one transaction."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Engine

from . import queries
from .database import readers, retrying
from .model import Model
from .queries import Part, Rows
from .schemas import Predictions, Result
from .stop import Stop
from .tables import Item


@dataclass
class Runner:
    """One of any number of processes that share the rows of a table; `backoff` and `retry_seconds` are in seconds."""

    engine: Engine
    model: Model
    rows: Rows = field(default_factory=Rows)
    stop: Stop = field(default_factory=Stop)
    chunk_rows: int = 1_000
    max_attempts: int = 3
    backoff: float = 1.0
    retry_seconds: float = 30.0
    result: Result = field(default_factory=lambda: Result(0))
    reports: list[Callable[[int], None]] = field(default_factory=list)  # called after each chunk, with the rows tried

    def __post_init__(self) -> None:
        self.retry = retrying(self.retry_seconds, self.stop.sleep)

    def read(self, query: Callable[..., Any], *arguments: Any) -> Any:
        """Return the answer to a query about this run's model version."""

        def ask() -> Any:
            with readers(self.engine).connect() as connection:
                return query(connection, *arguments, self.model.version)

        return self.retry(ask)

    def count_waiting(self) -> int:
        """Return how many rows the run can claim, and begin its result."""
        waiting = sum(self.read(queries.count, self.rows).values())
        self.result = Result(self.model.version, str(self.rows), min(waiting, self.rows.max_rows or waiting))
        return self.result.waiting

    def sweep(self, ids: Sequence[int] | None = None) -> None:
        """Predict every row that can be claimed, or those of the rows `ids` that can."""
        only = () if ids is None else (Item.id.in_(ids),)
        for whole in self.read(self.rows.parts):
            part = replace(whole, where=(*whole.where, *only))
            while self._walk(part, tried_before=ids is not None) and part.grows:
                pass  # again, for rows that were added, or that a killed runner released

    def _walk(self, part: Part, tried_before: bool) -> bool:
        """Go through a part once, chunk by chunk; return whether it had any rows."""
        last: Sequence[Any] = ()
        while place := self.retry(self._commit_chunk, part, last, tried_before):
            last = place
        return bool(last)

    def _commit_chunk(self, part: Part, after: Sequence[Any], tried_before: bool) -> Sequence[Any]:
        counted = Result(0) if tried_before else self.result
        with self.engine.begin() as connection:
            place, predictions = self.predict_chunk(connection, part, after, counted)
        self.result.add(predictions)
        self.report(self.result)
        return place

    def predict_chunk(
        self, connection: Connection, part: Part, after: Sequence[Any], so_far: Result
    ) -> tuple[Sequence[Any], Predictions]:
        """Claim, predict, write; return the place of the chunk's last row, if it has rows, and the predictions."""
        self.stop.check()
        limit = min(self.chunk_rows, (self.rows.max_rows or sys.maxsize) - so_far.rows)
        rows = queries.claim(connection, part, after, limit)
        predictions = self.model.predict(row[:2] for row in rows)
        queries.write_done(connection, predictions.done, self.model.version)
        queries.write_failed(connection, predictions.failed, self.model.version)
        return rows[-1][2:] if rows else (), predictions

    def report(self, result: Result) -> None:
        for report in self.reports:
            report(result.rows)
