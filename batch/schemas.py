"""The outcome of a chunk, and the result of a run."""

from dataclasses import dataclass, field
from typing import NamedTuple

from .errors import Exit, ServiceError


class Predicted(NamedTuple):
    """One predicted row; `prediction` is JSON: the list of its probabilities, or a regressor's value or values."""

    id: int
    prediction: str
    label: str | None


@dataclass
class Predictions:
    """The outcome of a chunk: each row is done, or failed with a reason."""

    done: list[Predicted] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)


@dataclass
class Result:
    """What a run has committed so far; `failed` holds the ids of the rows that it tried and that are failed now."""

    scope: str = ""
    waiting: int = 0  # rows that waited at the start, if they were counted
    done: int = 0
    failed: set[int] = field(default_factory=set)
    held: int = 0  # rows that wait, and that others have locked
    stopped: ServiceError | None = None  # why the run ended early

    @property
    def rows(self) -> int:
        return self.done + len(self.failed)

    @property
    def exit_code(self) -> Exit:
        left = Exit.ROWS_FAILED if self.failed else Exit.ROWS_HELD if self.held else Exit.DONE
        return self.stopped.exit_code if self.stopped else left

    def add(self, predictions: Predictions) -> None:
        """Count a chunk; a row that failed before and is done now counts as done."""
        self.done += len(predictions.done)
        self.failed.update(predictions.failed)
        self.failed.difference_update(row.id for row in predictions.done)

    def __str__(self) -> str:
        if not (self.rows or self.waiting):
            return "nothing to do: no unclaimed row waits for a prediction"
        return f"{self.done:,} rows predicted, {len(self.failed):,} failed"
