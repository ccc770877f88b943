"""The rows of a scope, and the order in which they are claimed."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Index, Row

from ..queries import Part, count
from ..tables import Item, State

# For rows by time and by model version.
Index("items_scope", Item.state, Item.model_version, Item.created_at, Item.id)
created = sa.type_coerce(Item.created_at, sa.String)  # SQLite keeps and compares times as text


@dataclass(frozen=True)
class PartByAge(Part):
    """A part from the oldest row to the newest, as the index has them."""

    def select(self, last: Row[Any] | None = None) -> sa.Select[*tuple[Any, ...]]:
        columns = created.label("created"), Item.model_version.label("version")
        query = super().select().add_columns(*columns).order_by(None).order_by(created, Item.id)
        query = query.with_hint(Item, "FORCE INDEX (items_scope)")
        if last is None:
            return query
        # MySQL uses no index where two tuples are compared.
        return query.where(sa.or_(created > last.created, sa.and_(created == last.created, Item.id > last.id)))


@dataclass(frozen=True)
class PartByVersion(PartByAge):
    """Rows that a model has predicted, one version after another: each is a range of the index.

    `versions` are the conditions on the model version alone.
    """

    versions: tuple[ColumnElement[bool], ...] = ()

    def claim(self, connection: Connection, last: Row[Any] | None, limit: int) -> Sequence[Row[Any]]:
        version = last.version if last else self._version_after(connection, -1)
        while version is not None:
            part = PartByAge(self.state, (*self.where, Item.model_version == version))
            if rows := part.claim(connection, last, limit):
                return rows
            version, last = self._version_after(connection, version), None
        return []

    def _version_after(self, connection: Connection, version: int) -> int | None:
        later = Item.state == self.state, *self.versions, Item.model_version > version
        return connection.scalar(sa.select(sa.func.min(Item.model_version)).where(*later))


@dataclass(frozen=True, kw_only=True)
class LimitedPart(Part):
    """The rows of `part`, as long as the run has tried fewer rows than the limit of `rows`."""

    part: Part
    rows: "ScopedRows"

    def select(self, last: Row[Any] | None = None) -> sa.Select[*tuple[Any, ...]]:
        return self.part.select(last).limit(self.rows.max_rows)

    def claim(self, connection: Connection, last: Row[Any] | None, limit: int) -> Sequence[Row[Any]]:
        return self.part.claim(connection, last, min(limit, self.rows.max_rows - self.rows.tried))


class ScopedRows:
    """Those of the rows `parts` that belong to a scope, or those that an older model has predicted.

    The latter with `rescored`, the version of the new model; with `newer_too`, those of every other model.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        since: str | None = None,
        until: str | None = None,
        max_rows: int | None = None,
        rescored: int | None = None,
        newer_too: bool = False,
    ) -> None:
        self.max_rows, self.tried = max_rows or sys.maxsize, 0
        self._times = [created >= since] if since else []
        self._times += [created < until] if until else []
        self.by_state = {part.state: self._timed(part) for part in parts}
        if rescored is not None:
            self.by_state = {State.DONE: self._rescored(rescored, newer_too)}
        if max_rows:
            self.by_state = {state: list(map(self._limited, parts)) for state, parts in self.by_state.items()}
        self.parts = [part for parts in self.by_state.values() for part in parts]

    def _timed(self, part: Part) -> list[Part]:
        """Return the rows of a part that belong to the times; a row that was set back keeps the version that it had."""
        if not self._times:
            return [part]
        new, set_back = Item.model_version.is_(None), Item.model_version.is_not(None)
        return [
            PartByAge(part.state, (*part.where, new, *self._times)),
            PartByVersion(part.state, (*part.where, set_back, *self._times), versions=(set_back,)),
        ]

    def _rescored(self, version: int, newer_too: bool) -> list[Part]:
        sides = [Item.model_version < version, Item.model_version > version][: 1 + newer_too]
        return [PartByVersion(State.DONE, (side, *self._times), versions=(side,)) for side in sides]

    def _limited(self, part: Part) -> Part:
        return LimitedPart(part.state, part.where, part=part, rows=self)

    def set_tried(self, rows: int) -> None:
        """Store the number of rows tried so far: a hook of the run."""
        self.tried = rows

    def count(self, connection: Connection, parts: Sequence[Part]) -> int:
        """Count the rows of all parts that the run may still try."""
        return min(count(connection, parts), self.max_rows - self.tried)

    def count_by_state(self, connection: Connection) -> dict[str, int]:
        """Count what a run can claim, by state."""
        kinds = self.by_state.items()
        return {state.value: min(count(connection, parts), self.max_rows) for state, parts in kinds}
