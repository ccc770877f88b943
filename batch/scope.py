"""What is asked of a run: which rows, for how long, and what to do about those that fail."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from .tables import State

MOMENT = "%Y-%m-%d %H:%M:%S"  # as the databases write a time; text compares as the time does


class BadScope(Exception):
    """A scope that no row can be in; the message is one line that names the option."""


class Policy(StrEnum):
    """What to do about rows that fail."""

    RETRY_ALL = "retry-all"
    RETRY_FAILED = "retry-failed"
    LEAVE = "leave"


class Part(NamedTuple):
    """Rows of one state, and with a scope by age, of one model version."""

    state: State
    model_version: int | None = None


class Cursor(NamedTuple):
    """The last row of a chunk: the next chunk begins behind it. `created_at` is known in a scope by age."""

    id: int
    created_at: str | None = None


@dataclass(frozen=True)
class Scope:
    """Rows created in [`since`, `until`), at most `max_rows`: those that wait, or `rescore`, those of an older model.

    Times are UTC, as `MOMENT`; `deadline` is the run's longest time in seconds.
    """

    since: str | None = None
    until: str | None = None
    max_rows: int | None = None
    deadline: float = math.inf
    rescore: bool = False

    def __post_init__(self) -> None:
        if self.since and self.until and self.since >= self.until:
            raise BadScope(f"--until: {self.until} is not later than --since {self.since}")

    @property
    def by_age(self) -> bool:
        """Whether the rows are found by their time and model version, and not all of a state by their ids."""
        return bool(self.since or self.until or self.rescore)

    def __str__(self) -> str:
        """Return the options that give this scope; none for every row that waits."""
        given = {name: value for name, value in vars(self).items() if value not in (None, False, math.inf)}
        flags = {f"--{name.replace('_', '-')}": str(value).replace(" ", "T") for name, value in given.items()}
        return " ".join(flag if text == "True" else f"{flag} {text}" for flag, text in flags.items())


EVERY_ROW = Scope()


def moment(text: str) -> str:
    """Read an ISO date or time, in UTC unless it says otherwise.

    Raises:
        BadScope: it is neither, or has fractions of a second, which the table does not keep.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadScope(f"{text!r} is no ISO date or time") from None
    if time.microsecond:
        raise BadScope(f"{text!r} has fractions of a second, which the table does not keep")
    try:
        return (time.astimezone(UTC) if time.tzinfo else time).strftime(MOMENT)
    except OverflowError:
        raise BadScope(f"{text!r} is in no year of UTC") from None
