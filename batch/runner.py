"""A run: chunk after chunk is claimed, predicted and written, each in one transaction."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection, Engine

from . import queries
from .database import retrying
from .predictor import Predictor, Scores
from .tables import State

log = logging.getLogger(__name__)


class Policy(StrEnum):
    """What to do about rows that fail."""

    RETRY_ALL = "retry-all"
    RETRY_FAILED = "retry-failed"
    LEAVE = "leave"


@dataclass
class Tally:
    """What a run has committed so far: a count, and the ids of the rows that it tried and that stand as failed."""

    done: int = 0
    failed: set[int] = field(default_factory=set)

    @property
    def rows(self) -> int:
        """Rows that were tried."""
        return self.done + len(self.failed)

    def add(self, scores: Scores) -> None:
        """Count a chunk; a row that failed before and is done now counts as done."""
        self.done += len(scores.done)
        self.failed.update(scores.failed)
        self.failed.difference_update(row.id for row in scores.done)


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
    tally: Tally = field(default_factory=Tally)

    def run(self, policy: Policy) -> Tally:
        """Predict every row that can be claimed, and treat those that fail as `policy` says."""
        if policy is Policy.RETRY_ALL:
            self._all_or_nothing()
            return self.tally
        self._sweep(State.FAILED)  # what earlier runs left
        while self._sweep(State.PENDING):  # again, for rows that came, or that a killed runner gave back
            pass
        if policy is Policy.RETRY_FAILED:
            self._retry_failed()
        return self.tally

    def _retry_failed(self) -> None:
        for attempt in range(self.max_attempts - 1):
            if not self.tally.failed:
                return
            self._back_off(attempt, len(self.tally.failed))
            self._sweep(State.FAILED)

    def _sweep(self, state: State) -> bool:
        """Work through the rows in `state` once, by rising id; tell whether there were any."""
        after = 0
        while last := retrying(self.retry_seconds)(self._commit_chunk, state, after):
            after = last
        return after > 0

    def _commit_chunk(self, state: State, after: int) -> int:
        with self.engine.begin() as connection:
            last, scores = self._chunk(connection, state, after, self.max_attempts)
        self.tally.add(scores)
        self.report(self.tally.rows)
        return last

    def _all_or_nothing(self) -> None:
        """Try the whole run up to `max_attempts` times; if rows fail in each, keep their reasons and nothing else."""
        for attempt in range(self.max_attempts):
            reasons = retrying(self.retry_seconds)(self._publish_all)
            if not reasons:
                return
            if attempt + 1 < self.max_attempts:
                self._back_off(attempt, len(reasons))
        retrying(self.retry_seconds)(self._keep, reasons)
        self.tally = Tally(failed=set(reasons))

    def _publish_all(self) -> dict[int, str]:
        """Predict every row in one transaction; the first chunk with a row that fails takes all of it back."""
        self.tally = Tally()
        with self.engine.connect() as connection, connection.begin() as transaction:
            for state in (State.FAILED, State.PENDING):
                after = 0
                while True:
                    last, scores = self._chunk(connection, state, after)
                    if scores.failed:
                        transaction.rollback()
                        return scores.failed
                    if not last:
                        break
                    after = last
                    self.tally.add(scores)
                    self.report(self.tally.rows)
        return {}

    def _keep(self, reasons: dict[int, str]) -> None:
        with self.engine.begin() as connection:
            queries.write_failed(connection, reasons)

    def _chunk(
        self, connection: Connection, state: State, after: int, max_attempts: int | None = None
    ) -> tuple[int, Scores]:
        """Claim, predict, write; return the chunk's last id (0 if there was nothing to claim) and what came of it."""
        rows = queries.claim(connection, state, after, self.chunk_rows, max_attempts)
        scores = self.predictor.score(rows)
        if scores.done:
            queries.write_done(connection, scores.done, self.predictor.version)
        queries.write_failed(connection, scores.failed)
        return (rows[-1][0] if rows else 0), scores

    def _back_off(self, attempt: int, failed: int) -> None:
        seconds = self.backoff * 2**attempt
        log.warning("%d rows failed, trying again in %g s", failed, seconds)
        time.sleep(seconds)
