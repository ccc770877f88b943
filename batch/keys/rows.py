"""Rows with an owner's key: a row that is sent again with the same values is stored once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Index, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Session

from ..errors import ServiceError
from ..tables import Item

Index("items_key", Item.key, unique=True)
KEYS_IN_A_QUERY = 100  # of up to 255 characters, so that a statement stays small


class KeyTaken(ServiceError):
    """A key belongs to a row with other values."""

    status = 409


def add_once(connection: Connection, rows: Sequence[tuple[Any, str | None]]) -> list[int]:
    """Add the `rows` (values, key) whose key is not stored, and return the ids of all rows, in their order.

    Raises:
        KeyTaken: a key is stored, or comes twice, with other values, or the database equates it with another key.
    """
    given: dict[str, Any] = {}
    for values, key in rows:
        if key is not None and given.setdefault(key, values) != values:
            raise KeyTaken(f"key {key!r} comes twice, with other values")
    stored = _stored(connection, given)
    if missing := [key for key in given if key not in stored]:
        _insert(connection, [{"key": key, "values": given[key]} for key in missing])
        stored |= _stored(connection, missing)  # another program may have added some of them meanwhile
    for key, values in given.items():
        if key not in stored:  # for example "C-1 ", as databases ignore a space at the end
            raise KeyTaken(f"key {key!r}: the table's collation equates it with another key; change one of them")
        row_id, found = stored[key]
        if values != found:
            raise KeyTaken(f"key {key!r} belongs to row {row_id}, which has other values")
    unnamed = iter(_add(connection, [values for values, key in rows if key is None]))
    return [next(unnamed) if key is None else stored[key][0] for _, key in rows]


def _add(connection: Connection, rows: Sequence[Any]) -> list[int]:
    """Add rows without a key, and return their ids in the order of the rows."""
    items = [Item(values=values) for values in rows]
    with Session(connection) as session:  # its end is not the end of the transaction
        session.add_all(items)
        session.flush()
        return [item.id for item in items]


def _stored(connection: Connection, keys: Sequence[str] | dict[str, Any]) -> dict[str, tuple[int, Any]]:
    query, wanted, found = select(Item.key, Item.id, Item.values), list(keys), dict[str, tuple[int, Any]]()
    for start in range(0, len(wanted), KEYS_IN_A_QUERY):
        part = query.where(Item.key.in_(wanted[start : start + KEYS_IN_A_QUERY]))
        found |= {row.key: (row.id, row[2]) for row in connection.execute(part)}
    return found


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Insert rows, except those whose key another transaction adds at the same time; wait for that transaction."""
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(Item).on_conflict_do_nothing(index_elements=[Item.key]), rows)
    else:
        connection.execute(mysql.insert(Item).on_duplicate_key_update(key=Item.key), rows)
