"""Every statement of the job; the caller owns the transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, func

from .migrate.schema import STORED, require
from .schemas import Predicted
from .tables import REASON_LENGTH, Item, State


@dataclass(frozen=True)
class Part:
    """Rows that a run claims chunk by chunk, in an order that `index` has."""

    where: tuple[ColumnElement[bool], ...]
    order: tuple[Any, ...] = (Item.id,)
    index: str = "items_state_id"
    grows: bool = False  # rows may be added while a run works on them


@dataclass(frozen=True)
class Rows:
    """The rows of a run: those that failed and have attempts left (None: any number), then those that wait."""

    max_attempts: int | None = 3
    max_rows: int | None = None

    def by_state(self, model_version: int) -> dict[State, Part]:
        left = () if self.max_attempts is None else (Item.attempts < self.max_attempts,)
        failed, pending = Part((Item.state == State.FAILED, *left)), Part((Item.state == State.PENDING,), grows=True)
        return {State.FAILED: failed, State.PENDING: pending}

    def parts(self, connection: Connection, model_version: int) -> list[Part]:
        return list(self.by_state(model_version).values())

    def __str__(self) -> str:
        return ""


def count(connection: Connection, rows: Rows, model_version: int) -> dict[State, int]:
    """Count by state what a run can claim; the same statement reads the schema's revision, and refuses an old one."""
    parts, counts = rows.by_state(model_version), []
    for part in parts.values():
        found = sa.select(sa.literal(1)).where(*part.where).with_hint(Item, f"FORCE INDEX ({part.index})")
        counts.append(sa.select(func.count()).select_from(found.limit(rows.max_rows).subquery()).scalar_subquery())
    revision, *numbers = connection.execute(sa.select(STORED, *counts)).one()
    require(revision)
    return dict(zip(parts, numbers, strict=True))


def claim(connection: Connection, part: Part, after: Sequence[Any], limit: int) -> Sequence[Any]:
    """Lock up to `limit` rows of a part behind the place `after`, except those that another runner has locked.

    Each row is its id, its `values` as the stored text, and its place. The locks last until the transaction ends.
    SQLite has no row locks: there the transaction has the whole file.
    """
    query = sa.select(Item.id, sa.type_coerce(Item.values, sa.Text), *part.order).where(*part.where)
    if after:
        query = query.where(_behind(part.order, after))
    # Without the hint MySQL may walk the whole table by primary key. SQLite ignores hints.
    query = query.order_by(*part.order).limit(limit).with_hint(Item, f"FORCE INDEX ({part.index})")
    return connection.execute(query.with_for_update(skip_locked=True)).all()


def _behind(order: Sequence[Any], place: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a row comes after `place`. MySQL uses no index where two tuples are compared."""
    further: ColumnElement[bool] = order[0] > place[0]
    return sa.or_(further, sa.and_(order[0] == place[0], _behind(order[1:], place[1:]))) if order[1:] else further


def write_done(connection: Connection, rows: Sequence[Predicted], model_version: int) -> None:
    """Write predictions, labels, model version and state of many rows in one statement.

    Ids and predictions are in its text: whole numbers, and JSON made of numbers. Parameters would take longer to send
    than the update takes.
    """
    if not rows:
        return
    by_label: dict[str, list[str]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(str(row.id))
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    predictions = " ".join([f"WHEN {row.id} THEN '{row.prediction}'" for row in rows])
    labels = " ".join(f"WHEN id IN ({','.join(ids)}) THEN {mark}" for ids in by_label.values())
    ids = ",".join([str(row.id) for row in rows])
    connection.exec_driver_sql(
        f"UPDATE items SET prediction = CASE id {predictions} END, label = CASE {labels} END, state = 'done', "  # noqa: S608
        f"model_version = {mark}, attempts = attempts + 1, reason = NULL, updated_at = CURRENT_TIMESTAMP "
        f"WHERE id IN ({ids})",
        (*by_label, model_version),
    )


def write_failed(connection: Connection, reasons: Mapping[int, str], model_version: int) -> None:
    """Write why rows failed, one statement for each reason; a row with an older model's prediction keeps it."""
    by_reason: dict[str, list[int]] = {}
    for row_id, reason in reasons.items():
        by_reason.setdefault(reason[:REASON_LENGTH], []).append(row_id)
    state = sa.case((Item.state == State.DONE, State.DONE.value), else_=State.FAILED.value)
    for reason, ids in by_reason.items():
        values = {"state": state, "reason": reason, "attempts": Item.attempts + 1, "updated_at": func.now()}
        connection.execute(sa.update(Item).where(Item.id.in_(ids), not_by(model_version)).values(values))


def not_by(model_version: int) -> ColumnElement[bool]:
    """Return the condition that a row has no prediction of this model version, or of a newer one."""
    return sa.or_(Item.state != State.DONE, Item.model_version < model_version)


def done(connection: Connection, ids: Iterable[int], model_version: int) -> set[int]:
    """Return those of the rows `ids` that have a prediction of this model version, or of a newer one."""
    return set(connection.scalars(sa.select(Item.id).where(Item.id.in_(ids), ~not_by(model_version))))
