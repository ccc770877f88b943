"""The scope of a run: which rows, at most how many of them, and for how long."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import Exit, ServiceError
from ..runner import Runner
from .rows import ScopedRows


class BadScope(ServiceError):
    """A scope that no row can be in; the message names the option."""


class DeadlineReached(ServiceError):
    """The run has lasted as long as it may."""

    exit_code = Exit.DEADLINE


@dataclass(frozen=True)
class Scope:
    """Rows created in [`since`, `until`), up to `max_rows`: those that wait, or with `rescore` those of an older model.

    With `to`, the model version of the run, `rescore` means those of every other model.
    Times are UTC, as `moment` returns them; `deadline` is the longest time of the run in seconds.
    """

    since: str | None = None
    until: str | None = None
    max_rows: int | None = None
    deadline: float | None = None
    rescore: bool = False
    to: int | None = None

    def __post_init__(self) -> None:
        if self.since and self.until and self.since >= self.until:
            raise BadScope(f"--until: {self.until} is not later than --since {self.since}")

    def apply(self, runner: Runner) -> ScopedRows:
        """Restrict a run to the scope, from now on, and return its rows."""
        version = runner.model.version if self.rescore else None
        newer_too = self.to is not None
        rows = ScopedRows(runner.parts, self.since, self.until, self.max_rows, version, newer_too)
        runner.parts, runner.count, runner.result.scope = rows.parts, rows.count, str(self)
        runner.hooks.append(rows.set_tried)
        if self.deadline is not None:
            runner.hooks.append(Deadline(self.deadline))
        return rows

    def __str__(self) -> str:
        """Return the options that give this scope; none for every row that waits."""
        options = {name: getattr(self, name) for name in ("since", "until", "max_rows", "deadline", "rescore", "to")}
        given = {name: value for name, value in options.items() if value not in (None, False)}
        flags = {f"--{name.replace('_', '-')}": str(value).replace(" ", "T") for name, value in given.items()}
        return " ".join(flag if text == "True" else f"{flag} {text}" for flag, text in flags.items())


class Deadline:
    """A hook that ends a run once `seconds` have passed since the hook was made."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def __call__(self, rows: int) -> None:
        """Raise `DeadlineReached` if the time is over."""
        if time.monotonic() >= self._end:
            raise DeadlineReached("deadline reached")


def moment(text: str) -> str:
    """Return an ISO date or time, in UTC unless it names another zone, as the databases write times.

    So texts compare as the times do: a year has four digits.

    Raises:
        BadScope: it is neither, is outside UTC's years, or has fractions of a second, which the table does not keep.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadScope(f"{text!r} is not an ISO date or time") from None
    if time.microsecond:
        raise BadScope(f"{text!r} has fractions of a second, which the table does not keep")
    try:
        return (time.astimezone(UTC) if time.tzinfo else time).replace(tzinfo=None).isoformat(" ")
    except OverflowError:
        raise BadScope(f"{text!r} is outside the years that UTC has") from None
