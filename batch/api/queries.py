"""The statements of the API; the caller owns the transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Text, select, text, type_coerce
from sqlalchemy.orm import Session

from ..migrate.stored import as_stored
from ..tables import Item, State

# Read as they are stored: a row that came by other means may hold JSON that Python cannot read, or a date in words.
TEXTS = [type_coerce(column, Text).label(column.key) for column in (Item.values, Item.prediction)]
ODD = [as_stored(column) for column in (Item.state, Item.created_at, Item.updated_at)]
COLUMNS = [Item.id, Item.key, Item.label, Item.model_version, Item.attempts, Item.reason, *TEXTS, *ODD]
BY_STATE = "FORCE INDEX (items_state_id)"


def add(connection: Connection, rows: Sequence[tuple[Any, str | None]], post: str | None = None) -> list[int]:
    """Add rows (values, key) and return their ids in the order of the rows. `post`, the request's key, is not used."""
    items = [Item(values=values, key=key) for values, key in rows]
    with Session(connection) as session:  # its end is not the end of the transaction
        session.add_all(items)
        session.flush()
        return [item.id for item in items]


def is_read_only(session: Session) -> bool:
    """Return whether a MySQL or MariaDB server is read-only, as a replica is, or a former primary."""
    if session.get_bind().dialect.name == "sqlite":
        return False
    flags = session.execute(text("SELECT @@GLOBAL.read_only, @@GLOBAL.innodb_read_only")).one()
    return any(str(flag) not in ("0", "OFF") for flag in flags)


def page(
    session: Session, states: Sequence[State] | None, after: int | None, limit: int
) -> tuple[list[Any], int | None]:
    """Return up to `limit` rows with an id above `after`, by rising id, and the next page's `after` if there is one.

    Each state is one range of the index. A row that changes its state between two statements is taken once.
    """
    found = {row.id: row for state in states or (None,) for row in _rows(session, state, after, limit + 1)}
    ids = sorted(found)
    return [found[row_id] for row_id in ids[:limit]], ids[limit - 1] if len(ids) > limit else None


def _rows(session: Session, state: State | None, after: int | None, limit: int) -> Sequence[Any]:
    query = select(*COLUMNS)
    if after is not None:
        query = query.where(Item.id > after)
    if state:
        query = query.where(Item.state == state).with_hint(Item, BY_STATE)
    return session.execute(query.order_by(Item.id).limit(limit)).all()
