"""A run: chunk after chunk is claimed, predicted and written, each in one transaction."""

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine

from . import queries, selection
from .database import readers, retrying
from .deadline import Deadline
from .predictor import Predictor, Scores
from .scope import EVERY_ROW, Cursor, Part, Policy, Scope
from .tables import State
from .tally import Tally

log = logging.getLogger(__name__)


@dataclass
class Runner:
    """One of any number of processes that share the rows of a table; `backoff` and `retry_seconds` are seconds."""

    engine: Engine
    predictor: Predictor
    report: Callable[[int], None]
    chunk_rows: int = 1_000
    max_attempts: int = 3
    backoff: float = 1.0
    retry_seconds: float = 30.0
    scope: Scope = EVERY_ROW
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.deadline = Deadline(self.scope.deadline)
        self._retrying = retrying(self.retry_seconds, self.deadline.sleep)
        self._attempts = None if self.scope.rescore else self.max_attempts

    def run(self, policy: Policy) -> Tally:
        """Predict every row of the scope that can be claimed, and treat those that fail as `policy` says.

        Raises:
            DeadlineReached, Terminated: seen between two chunks; `tally` says how far it came.
        """
        if policy is Policy.RETRY_ALL:
            self._all_or_nothing()
            return self.tally
        for part in self._retrying(self._parts):
            while self._sweep(part) and part.state is State.PENDING:
                pass  # again, for rows that came, or that a killed runner gave back
        if policy is Policy.RETRY_FAILED:
            self._retry_failed()
        return self.tally

    def _parts(self) -> list[Part]:
        with readers(self.engine).connect() as connection:
            return selection.parts(connection, self.scope, self.predictor.version)

    def _sweep(self, part: Part) -> bool:
        """Work through a part once; tell whether there were any rows."""
        after = None
        while last := self._retrying(self._commit_chunk, part, after):
            after = last
        return after is not None

    def _commit_chunk(self, part: Part, after: Cursor | None) -> Cursor | None:
        with self.engine.begin() as connection:
            last, scores = self._chunk(connection, part, after, self._room(self.tally), self._attempts)
        self.tally.add(scores)
        self.report(self.tally.rows)
        return last

    def _retry_failed(self) -> None:
        for attempt in range(self.max_attempts - 1):
            failed = sorted(self.tally.failed)
            if failed:
                self._back_off(attempt, len(failed))
            for start in range(0, len(failed), self.chunk_rows):
                self._retrying(self._commit_again, failed[start : start + self.chunk_rows])

    def _commit_again(self, ids: list[int]) -> None:
        self.deadline.check()
        with self.engine.begin() as connection:
            rows = selection.claim_again(connection, ids, self.predictor.version, self._attempts)
            scores = self._predict(connection, rows)
            done = selection.done(connection, ids, self.predictor.version)
        self.tally.add(scores)
        self.tally.failed -= done  # by another runner
        self.report(self.tally.rows)

    def _all_or_nothing(self) -> None:
        """Try the whole run up to `max_attempts` times; if rows fail in each, keep their reasons and nothing else."""
        for attempt in range(self.max_attempts):
            reasons = self._retrying(self._publish_all)
            if not reasons:
                return
            if attempt + 1 < self.max_attempts:
                self._back_off(attempt, len(reasons))
        self._retrying(self._keep, reasons)
        self.tally = Tally(failed=set(reasons))

    def _publish_all(self) -> dict[int, str]:
        """Predict every row in one transaction; the first chunk with a row that fails takes all of it back."""
        tally = Tally()
        with self.engine.connect() as connection, connection.begin() as transaction:
            for part in selection.parts(connection, self.scope, self.predictor.version):
                last, scores = self._chunk(connection, part, None, self._room(tally))
                while last and not scores.failed:
                    tally.add(scores)
                    self.report(tally.rows)
                    last, scores = self._chunk(connection, part, last, self._room(tally))
                if scores.failed:
                    transaction.rollback()
                    return scores.failed
        self.tally = tally
        return {}

    def _keep(self, reasons: dict[int, str]) -> None:
        with self.engine.begin() as connection:
            queries.write_failed(connection, reasons, self.predictor.version)

    def _room(self, tally: Tally) -> int:
        """Return how many rows the next chunk may have, if there is time for one."""
        self.deadline.check()
        return min(self.chunk_rows, (self.scope.max_rows or sys.maxsize) - tally.rows)

    def _chunk(
        self, connection: Connection, part: Part, after: Cursor | None, limit: int, max_attempts: int | None = None
    ) -> tuple[Cursor | None, Scores]:
        """Claim, predict, write; return the chunk's last row (None if it has none) and what came of it."""
        if self.scope.by_age:
            rows, last = selection.claim(connection, part, self.scope, after, limit, max_attempts)
        else:
            rows = queries.claim(connection, part.state, after.id if after else 0, limit, max_attempts)
            last = Cursor(rows[-1][0]) if rows else None
        return last, self._predict(connection, rows)

    def _predict(self, connection: Connection, rows: Sequence[tuple[int, Any]]) -> Scores:
        scores = self.predictor.score(rows)
        if scores.done:
            queries.write_done(connection, scores.done, self.predictor.version)
        queries.write_failed(connection, scores.failed, self.predictor.version)
        return scores

    def _back_off(self, attempt: int, failed: int) -> None:
        seconds = self.backoff * 2**attempt
        log.warning("%d rows failed, trying again in %g s", failed, seconds)
        self.deadline.sleep(seconds)
