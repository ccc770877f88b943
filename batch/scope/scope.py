"""The rows of a run: those created within a time, at most so many, or those that an older model predicted."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, String, select, type_coerce

from ..errors import ServiceError
from ..queries import Part, Rows
from ..tables import Item, State

MOMENT = "%Y-%m-%d %H:%M:%S"  # as the databases write a time, so that texts compare as the times do
CREATED = type_coerce(Item.created_at, String)  # SQLite keeps times as text, and compares them so


class BadScope(ServiceError):
    """A scope that no row can be in; the message names the option."""


@dataclass(frozen=True)
class Scope(Rows):
    """Rows created in [`since`, `until`), at most `max_rows`: those that wait, or `rescore`, those of an older model.

    Times are UTC, as `MOMENT`; `deadline` is the longest time of the run in seconds.
    """

    since: str | None = None
    until: str | None = None
    deadline: float = math.inf
    rescore: bool = False

    def __post_init__(self) -> None:
        if self.since and self.until and self.since >= self.until:
            raise BadScope(f"--until: {self.until} is not later than --since {self.since}")

    def by_state(self, model_version: int) -> dict[State, Part]:
        """Return the parts that are counted, by state."""
        if self.rescore:
            return {State.DONE: self._part(Item.state == State.DONE, Item.model_version < model_version)}
        parts = super().by_state(model_version)
        if not (self.since or self.until):
            return parts
        unscored = Item.model_version.is_(None)
        return {state: self._part(*part.where, unscored, grows=part.grows) for state, part in parts.items()}

    def parts(self, connection: Connection, model_version: int) -> list[Part]:
        """Return the parts that are claimed; a rescoring has one for each older version, a range of the index."""
        if not self.rescore:
            return super().parts(connection, model_version)
        older = (Item.state == State.DONE, Item.model_version < model_version)
        versions = connection.scalars(select(Item.model_version).where(*older).distinct().order_by(Item.model_version))
        return [self._part(Item.state == State.DONE, Item.model_version == version) for version in versions]

    def _part(self, *where: ColumnElement[bool], grows: bool = False) -> Part:
        """Return a part restricted to the times of the scope, the oldest rows first."""
        times = [CREATED >= self.since] if self.since else []  # noqa: SIM300
        times += [CREATED < self.until] if self.until else []  # noqa: SIM300
        return Part((*where, *times), (CREATED, Item.id), "items_scope", grows)

    def __str__(self) -> str:
        """Return the options that give this scope; none for every row that waits."""
        options = {name: getattr(self, name) for name in ("since", "until", "max_rows", "deadline", "rescore")}
        given = {name: value for name, value in options.items() if value not in (None, False, math.inf)}
        flags = {f"--{name.replace('_', '-')}": str(value).replace(" ", "T") for name, value in given.items()}
        return " ".join(flag if text == "True" else f"{flag} {text}" for flag, text in flags.items())


def moment(text: str) -> str:
    """Read an ISO date or time, in UTC unless it names another zone.

    Raises:
        BadScope: it is neither, or has fractions of a second, which the table does not keep.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadScope(f"{text!r} is not an ISO date or time") from None
    if time.microsecond:
        raise BadScope(f"{text!r} has fractions of a second, which the table does not keep")
    try:
        return (time.astimezone(UTC) if time.tzinfo else time).strftime(MOMENT)
    except OverflowError:
        raise BadScope(f"{text!r} is outside the years that UTC has") from None
