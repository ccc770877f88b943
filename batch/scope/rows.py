"""The rows of a scope, and the order in which they are claimed."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Index, Row

from ..queries import Part, Rows
from ..tables import Item, State

# For rows by time and by model version.
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
    """Rows that a model has predicted, one version after another: each is a range of the index.

    `versions` are the conditions on the state and the model version alone.
    """

    versions: tuple[ColumnElement[bool], ...] = ()

    def claim(self, connection: Connection, last: Row[Any] | None, limit: int) -> Sequence[Row[Any]]:
        version = last.version if last else self._version_after(connection, -1)
        while version is not None:
            part = PartByAge((*self.where, Item.model_version == version))
            if rows := part.claim(connection, last, limit):
                return rows
            version, last = self._version_after(connection, version), None
        return []

    def _version_after(self, connection: Connection, version: int) -> int | None:
        query = sa.select(sa.func.min(Item.model_version)).where(*self.versions, Item.model_version > version)
        return connection.scalar(query)


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
    """Those of `rows` that belong to a scope, or with `rescored` (a version) those that another model has predicted.

    These are rows of older models; with `newer_too`, of every other one.
    """

    def __init__(
        self,
        rows: Rows,
        since: str | None = None,
        until: str | None = None,
        max_rows: int | None = None,
        rescored: int | None = None,
        newer_too: bool = False,
    ) -> None:
        self.max_rows, self.tried = max_rows or sys.maxsize, 0
        self._times = [created >= since] if since else []
        self._times += [created < until] if until else []
        failed, pending = map(self._timed, rows.parts)
        self.by_state: dict[State, list[Part]] = {State.FAILED: failed, State.PENDING: pending}
        if rescored is not None:
            self.by_state = {State.DONE: self._rescored(rescored, newer_too)}
        if max_rows:
            limited = partial(LimitedPart, rows=self)
            kinds = self.by_state.items()
            self.by_state = {
                state: [limited(part.where, part.grows, part=part) for part in parts] for state, parts in kinds
            }
        self.parts = [part for parts in self.by_state.values() for part in parts]

    def _timed(self, part: Part) -> list[Part]:
        """Return the rows of a part that belong to the times; a row that was set back keeps the version that it had."""
        if not self._times:
            return [part]
        new, set_back = Item.model_version.is_(None), Item.model_version.is_not(None)
        versions = part.where[0], set_back
        return [
            PartByAge((*part.where, new, *self._times), part.grows),
            PartByVersion((*part.where, set_back, *self._times), part.grows, versions=versions),
        ]

    def _rescored(self, version: int, newer_too: bool) -> list[Part]:
        sides = [Item.model_version < version, Item.model_version > version][: 1 + newer_too]
        done = Item.state == State.DONE
        return [PartByVersion((done, side, *self._times), versions=(done, side)) for side in sides]

    def set_tried(self, rows: int) -> None:
        """Take the number of rows tried so far: a hook of the run."""
        self.tried = rows

    def count(self, connection: Connection) -> int:
        return min(super().count(connection), self.max_rows - self.tried)

    def count_by_state(self, connection: Connection) -> dict[str, int]:
        """Count what a run can claim, by state."""
        counts, one = {}, Rows()
        for state, one.parts in self.by_state.items():
            counts[state.value] = min(one.count(connection), self.max_rows)
        return counts
