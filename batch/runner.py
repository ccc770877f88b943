"""A run: chunk after chunk is claimed, predicted and written, each in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import call
from typing import Any

from sqlalchemy import Connection, Engine, Row

from . import queries
from .database import Call
from .migrate import schema
from .predictor import Predictor
from .schemas import Predictions, Result
from .tables import State


@dataclass
class Runner:
    """One of any number of processes that share the rows of a table. Optional folders replace its functions."""

    engine: Engine
    model: Predictor
    parts: Sequence[queries.Part] = (queries.Part(State.PENDING),)  # the rows that the run is for
    chunk_rows: int = 1_000
    # Called before each chunk with the number of rows tried. A hook that raises ends the run.
    hooks: list[Callable[[int], None]] = field(default_factory=list)
    result: Result = field(default_factory=Result)
    policy: Callable[["Runner"], None] = lambda runner: runner.sweep(runner.parts)
    policy_name: str = "leave"  # each row is tried once
    retry: Call = call  # runs each transaction
    count: Call = queries.count  # counts the rows that wait; only optional folders call it
    write_done: Call = queries.write_done

    def run(self) -> None:
        """Predict the rows that wait; raise `SchemaTooOld` if the table is not what this code needs."""
        self.retry(schema.prepare, self.engine)
        self.policy(self)

    def sweep(self, parts: Iterable[queries.Part]) -> None:
        """Predict every row that can be claimed, chunk by chunk."""
        for part in parts:
            last: Row[Any] | None = None
            while (row := self.retry(self._commit_chunk, part, last)) or (last and part.state is State.PENDING):
                last = row  # None: from the start again, for rows that were added, or that a killed runner released

    def _commit_chunk(self, part: queries.Part, last: Row[Any] | None) -> Row[Any] | None:
        for hook in self.hooks:
            hook(self.result.rows)
        with self.engine.begin() as connection:
            rows = part.claim(connection, last, self.chunk_rows)
            predictions = self.predict(connection, rows)
        self.result.add(predictions)
        return rows[-1] if rows else None

    def predict(self, connection: Connection, rows: Sequence[Any]) -> Predictions:
        """Predict the rows of a chunk and write the outcome; return the predictions and the reasons of failures."""
        predictions = self.model.predict(row[:2] for row in rows)  # row.id is 40 times as slow
        if predictions.done:
            self.write_done(connection, predictions.done, self.model.version)
        queries.write_failed(connection, predictions.failed)
        return predictions
