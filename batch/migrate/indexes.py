"""The indexes that statements name. Their owner may have dropped one since the migration that added it."""

from collections.abc import Iterator

from sqlalchemy import Connection, Index, MetaData, Table, inspect

# The table, the columns and whether the values are unique.
INDEXES = {
    "items_state_id": ("items", ("state", "id"), False),
    "items_scope": ("items", ("state", "model_version", "created_at", "id"), False),
    "items_key": ("items", ("key",), True),
    "posts_created_at": ("posts", ("created_at",), False),
}


def missing_indexes(connection: Connection) -> Iterator[str]:
    """Yield the names of the indexes that are not there."""
    found = inspect(connection)
    there = {index["name"] for table in {table for table, *_ in INDEXES.values()} for index in found.get_indexes(table)}
    yield from (name for name in INDEXES if name not in there)


def restore_indexes(connection: Connection) -> None:
    """Create the indexes that are missing."""
    for name in missing_indexes(connection):
        table, columns, unique = INDEXES[name]
        made = Table(table, MetaData(), autoload_with=connection)
        Index(name, *(made.c[column] for column in columns), unique=unique).create(connection)
