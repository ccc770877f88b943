"""Every statement of the job; the caller owns the transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .schemas import Predicted
from .tables import REASON_LENGTH, Item, State


@dataclass(frozen=True)
class Part:
    """Rows of one state, which a run claims chunk by chunk, by rising id; `where` leaves some of them out."""

    state: State
    where: tuple[sa.ColumnElement[bool], ...] = ()

    def select(self, last: sa.Row[Any] | None = None) -> sa.Select[*tuple[Any, ...]]:
        """Return the query for the `id` of the rows after `last`, and their values as the stored `text`."""
        columns = Item.id, sa.type_coerce(Item.values, sa.Text).label("text")
        query = sa.select(*columns).where(Item.state == self.state, *self.where).order_by(Item.id)
        # Without the hint MySQL may walk the whole table by primary key. SQLite ignores hints.
        query = query.with_hint(Item, "FORCE INDEX (items_state_id)")
        return query.where(Item.id > last.id) if last else query

    def claim(self, connection: sa.Connection, last: sa.Row[Any] | None, limit: int) -> Sequence[sa.Row[Any]]:
        """Lock up to `limit` unlocked rows after `last` until the transaction ends; SQLite locks the whole file."""
        return connection.execute(self.select(last).limit(limit).with_for_update(skip_locked=True)).all()


def count(connection: sa.Connection, parts: Sequence[Part]) -> int:
    """Count the rows of all parts in one query."""
    ids = [part.select().with_only_columns(Item.id).order_by(None).subquery() for part in parts]
    counts = [sa.select(sa.func.count(rows.c.id)).scalar_subquery() for rows in ids]
    return sum(connection.execute(sa.select(*counts)).one())


def write_done(connection: sa.Connection, rows: Sequence[Predicted], model_version: int) -> None:
    """Write predictions, labels, model version and state of many rows in one statement."""
    values = {
        "prediction": sa.case({row.id: row.prediction for row in rows}, value=Item.id),
        "label": sa.case({row.id: row.label for row in rows}, value=Item.id),
        "state": State.DONE,
        "model_version": model_version,
        "attempts": Item.attempts + 1,
        "reason": None,
        "updated_at": sa.func.now(),
    }
    connection.execute(sa.update(Item).where(Item.id.in_([row.id for row in rows])).values(values))


def write_failed(connection: sa.Connection, reasons: Mapping[int, str]) -> None:
    """Write why rows failed, one statement for each reason; a row with an older model's prediction keeps it."""
    by_reason: dict[str, list[int]] = {}
    for row_id, reason in reasons.items():
        by_reason.setdefault(reason[:REASON_LENGTH], []).append(row_id)
    state = sa.case((Item.state == State.DONE, State.DONE.value), else_=State.FAILED.value)
    for reason, ids in by_reason.items():
        values = {"state": state, "reason": reason, "attempts": Item.attempts + 1, "updated_at": sa.func.now()}
        connection.execute(sa.update(Item).where(Item.id.in_(ids)).values(values))
