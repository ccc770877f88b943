"""The rows of a scope, and the order in which they are claimed."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Index, Row

from ..queries import Part, Rows
from ..tables import Item, State

# For rows by time and by model version. Only `done` rows have a version.
Index("items_scope", Item.state, Item.model_version, Item.created_at, Item.id)
created = sa.type_coerce(Item.created_at, sa.String)  # SQLite keeps times as text, and compares them so


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
    """Rows that a model older than `newest` predicted, one version after another: each is a range of the index."""

    newest: int = 0

    def claim(self, connection: Connection, last: Row[Any] | None, limit: int) -> Sequence[Row[Any]]:
        version = last.version if last else self._version_after(connection, -1)
        while version is not None:
            part = PartByAge((*self.where, Item.model_version == version))
            if rows := part.claim(connection, last, limit):
                return rows
            version, last = self._version_after(connection, version), None
        return []

    def _version_after(self, connection: Connection, version: int) -> int | None:
        versions = Item.state == State.DONE, Item.model_version > version, Item.model_version < self.newest
        return connection.scalar(sa.select(sa.func.min(Item.model_version)).where(*versions))


@dataclass(frozen=True, kw_only=True)
class LimitedPart(Part):
    """The rows of `part`, as long as the run has tried fewer rows than the limit of `rows`."""

    part: Part
    rows: "ScopedRows"

    def only(self, ids: Collection[int]) -> Part:
        return self.part.only(ids)  # the run has tried these rows, so they are in the limit

    def select(self, last: Row[Any] | None = None) -> sa.Select[*tuple[Any, ...]]:
        return self.part.select(last).limit(self.rows.max_rows)

    def claim(self, connection: Connection, last: Row[Any] | None, limit: int) -> Sequence[Row[Any]]:
        return self.part.claim(connection, last, min(limit, self.rows.max_rows - self.rows.tried))


class ScopedRows(Rows):
    """Those of `rows`, or of the rows that a model older than `newest` predicted, that belong to a scope."""

    def __init__(
        self, rows: Rows, since: str | None, until: str | None, max_rows: int | None, newest: int | None
    ) -> None:
        self.states, self.max_rows, self.tried = [State.FAILED, State.PENDING], max_rows or sys.maxsize, 0
        self.parts = rows.parts
        times = [created >= since] if since else []
        times += [created < until] if until else []
        if newest is not None:
            older = Item.state == State.DONE, Item.model_version < newest
            self.states, self.parts = [State.DONE], [PartByVersion((*older, *times), newest=newest)]
        elif times:
            unscored = Item.model_version.is_(None)
            self.parts = [PartByAge((*part.where, unscored, *times), part.grows) for part in rows.parts]
        if max_rows:
            self.parts = [LimitedPart(part.where, part.grows, part=part, rows=self) for part in self.parts]

    def set_tried(self, rows: int) -> None:
        """Take the number of rows tried so far: a hook of the run."""
        self.tried = rows

    def count(self, connection: Connection) -> int:
        return min(super().count(connection), self.max_rows)

    def count_by_state(self, connection: Connection) -> dict[str, int]:
        """Count what a run can claim, by state."""
        counts, one = {}, Rows()
        for state, part in zip(self.states, self.parts, strict=True):
            one.parts = [part]
            counts[state.value] = one.count(connection)
        return counts
