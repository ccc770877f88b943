"""Every statement that the job, the seed and the API send; the caller owns the transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Text, case, func, insert, or_, select, type_coerce, update
from sqlalchemy.orm import Session

from .predictor import Scored
from .tables import REASON_LENGTH, Item, State

# MySQL would at times rather walk the whole table by primary key to have the rows in order. SQLite ignores the hint.
BY_STATE = "FORCE INDEX (items_state_id)"


class Predicted(NamedTuple):
    """A row that is done; the time is UTC."""

    id: int
    values: list[float]
    label: str
    prediction: list[float]
    model_version: int
    updated_at: datetime


def claim(
    connection: Connection, state: State, after: int, limit: int, max_attempts: int | None = None
) -> list[tuple[int, Any]]:
    """Lock up to `limit` rows in `state` with an id above `after`, passing over those that another runner has locked.

    Returns each id with `values` as the text that is stored, since a row that came by other means may hold anything.
    The rows stay this transaction's own until it ends. SQLite has no row locks; there the transaction has the file.
    """
    query = _from(select(Item.id, type_coerce(Item.values, Text)), state, after, limit)
    return [(row[0], row[1]) for row in connection.execute(locked(query, max_attempts))]


def locked(query: Select[*tuple[Any, ...]], max_attempts: int | None) -> Select[*tuple[Any, ...]]:
    """Have `query` lock its rows, but those that others hold, and those without attempts left (None: any)."""
    query = query if max_attempts is None else query.where(Item.attempts < max_attempts)
    return query.with_for_update(skip_locked=True)


def count_done(connection: Connection) -> int:
    """Count the rows that have a prediction, out of the index alone."""
    return int(connection.execute(select(func.count()).where(Item.state == State.DONE)).scalar_one())


def predicted(connection: Connection, after: int, limit: int) -> list[Predicted]:
    """Return up to `limit` rows that have a prediction, with an id above `after`, by rising id."""
    columns = Item.id, Item.values, Item.label, Item.prediction, Item.model_version, Item.updated_at
    return [Predicted(*row) for row in connection.execute(_from(select(*columns), State.DONE, after, limit))]


def write_done(connection: Connection, scored: Sequence[Scored], model_version: int) -> None:
    """Write predictions, labels, model version and state of many rows in one statement, and of no other row.

    Ids and predictions stand in the text: whole numbers, and JSON that was made of numbers. Bound as parameters they
    would take longer to send than the update takes.
    """
    by_label: dict[str, list[str]] = {}
    for row in scored:
        by_label.setdefault(row.label, []).append(str(row.id))
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    predictions = " ".join([f"WHEN {row.id} THEN '{row.prediction}'" for row in scored])
    labels = " ".join(f"WHEN id IN ({','.join(ids)}) THEN {mark}" for ids in by_label.values())
    ids = ",".join([str(row.id) for row in scored])
    connection.exec_driver_sql(
        f"UPDATE items SET prediction = CASE id {predictions} END, label = CASE {labels} END, state = 'done', "  # noqa: S608
        f"model_version = {mark}, attempts = attempts + 1, reason = NULL, updated_at = CURRENT_TIMESTAMP "
        f"WHERE id IN ({ids})",
        (*by_label, model_version),
    )


def write_failed(connection: Connection, reasons: Mapping[int, str], model_version: int) -> None:
    """Keep why rows failed, one statement for each reason.

    A row that meanwhile has this model's prediction is left alone. One with an older model's stays done and keeps it:
    its readers go on, and its model version tells that it is old.
    """
    by_reason: dict[str, list[int]] = {}
    for row_id, reason in reasons.items():
        by_reason.setdefault(reason[:REASON_LENGTH], []).append(row_id)
    state = case((Item.state == State.DONE, State.DONE.value), else_=State.FAILED.value)
    for reason, ids in by_reason.items():
        connection.execute(
            update(Item)
            .where(Item.id.in_(ids), not_by(model_version))
            .values(state=state, reason=reason, attempts=Item.attempts + 1, updated_at=func.now())
        )


def not_by(model_version: int) -> ColumnElement[bool]:
    """Return the condition that a row has no prediction of `model_version`, or of a newer one.

    The state says so and not the version alone: whoever sets a row back to pending may leave its version there.
    """
    return or_(Item.state != State.DONE, Item.model_version < model_version)


def seed(connection: Connection, rows: Iterable[Sequence[float]]) -> None:
    """Add many rows without asking for their ids."""
    connection.execute(insert(Item), [{"values": row} for row in rows])


def add(session: Session, rows: Iterable[Sequence[float]]) -> list[int]:
    """Add rows and return their ids in the order of the rows."""
    items = [Item(values=row) for row in rows]
    session.add_all(items)
    session.flush()
    return [item.id for item in items]


def page(session: Session, states: Sequence[State] | None, after: int, limit: int) -> tuple[list[Item], int | None]:
    """Return up to `limit` rows with an id above `after`, by rising id, and the next page's `after` if there is one.

    Each state is read by its own walk along the index. A row that changes state between two walks is taken once.
    """
    found = {
        item.id: item
        for state in states or (None,)
        for item in session.scalars(_from(select(Item), state, after, limit + 1))
    }
    ids = sorted(found)
    return [found[row_id] for row_id in ids[:limit]], ids[limit - 1] if len(ids) > limit else None


def _from(query: Select[*tuple[Any, ...]], state: State | None, after: int, limit: int) -> Select[*tuple[Any, ...]]:
    """Restrict `query` to one state (None for any) and to the `limit` rows that follow `after`."""
    query = query.where(Item.id > after).order_by(Item.id).limit(limit)
    return query if state is None else query.where(Item.state == state).with_hint(Item, BY_STATE)
