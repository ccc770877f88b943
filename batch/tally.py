"""What came of a run so far."""

from dataclasses import dataclass, field

from .predictor import Scores


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
