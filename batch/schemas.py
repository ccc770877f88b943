"""What a row is, what the model makes of rows, and what a run has done."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from pydantic import FailFast, Field

from .errors import Exit, Stopped

FLOAT32_MAX = 3.4028234663852886e38
Float32 = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
# The first fault is enough to refuse a row; a list of all faults could be far larger than the row.
Row = Annotated[list[Float32], FailFast()]


def wrong_width(row: Sequence[object], width: int) -> str | None:
    """Return what is wrong with the number of values in `row`, if anything."""
    return None if len(row) == width else f"{len(row)} values, the model takes {width}"


class Predicted(NamedTuple):
    """One predicted row; `prediction` is the JSON list of its float32 probabilities, with all digits."""

    id: int
    prediction: str
    label: str


@dataclass
class Predictions:
    """The outcome of a chunk: each row is done, or failed with a reason."""

    done: list[Predicted] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)


@dataclass
class Result:
    """What a run has committed so far; `failed` holds the ids of the rows that it tried and that are failed now."""

    model_version: int
    scope: str = ""
    waiting: int = 0
    done: int = 0
    failed: set[int] = field(default_factory=set)
    stopped: Stopped | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def rows(self) -> int:
        return self.done + len(self.failed)

    @property
    def exit_code(self) -> Exit:
        return self.stopped.exit_code if self.stopped else Exit.ROWS_FAILED if self.failed else Exit.DONE

    def add(self, predictions: Predictions) -> None:
        """Count a chunk; a row that failed before and is done now counts as done."""
        self.done += len(predictions.done)
        self.failed.update(predictions.failed)
        self.failed.difference_update(row.id for row in predictions.done)

    def summary(self) -> dict[str, float]:
        seconds = time.monotonic() - self.started
        counts = {"waiting": self.waiting, "rows": self.rows, "done": self.done, "failed": len(self.failed)}
        speed = {"seconds": round(seconds, 3), "rows_per_second": round(self.rows / max(seconds, 1e-9))}
        return counts | speed | {"model_version": self.model_version}

    def __str__(self) -> str:
        if not self.rows and not self.stopped:
            return f"nothing to do: no row waits for a prediction{self.scope and f' in the scope {self.scope}'}"
        early = f"{self.stopped}, {self.rows:,} of {self.waiting:,} rows tried: " if self.stopped else ""
        words = "{done:,} rows predicted, {failed:,} failed, {seconds:.1f} s, {rows_per_second:,} rows/s, "
        return early + (words + "model version {model_version}").format(**self.summary())
