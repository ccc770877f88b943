"""Check that a database is this pattern's own. Others may have an `alembic_version` or tables of the same names."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, inspect

from ..errors import Exit, ServiceError

REVISION = re.compile(r"[0-9]{4}")
# Columns that distinguish our tables from those of others.
COLUMNS = {
    "items": {"values", "state", "prediction", "attempts"},
    "runs": {"outcome", "rows_done", "policy"},
    "posts": {"key", "digest", "ids"},
    "loads": {"name", "rows_done"},
    "completions": {"number", "ids", "first_id"},
    "feed_position": {"id", "number"},
    "model_versions": {"version", "shape"},
}
FIX = "give this pattern a database of its own"


class ForeignDatabase(ServiceError):
    """The database belongs to another application, or lacks tables that its revision promises."""

    exit_code, status = Exit.SCHEMA, 503


def own_revision(stored: Sequence[Any]) -> str | None:
    """Return the revision that `alembic_version` holds, None if it is empty.

    Raises:
        ForeignDatabase: it is not one of ours, or there are several.
    """
    foreign = [revision for revision in stored if not REVISION.fullmatch(str(revision))]
    if foreign or len(stored) > 1:
        seen = ", ".join(map(repr, foreign or stored))
        raise ForeignDatabase(f"the database belongs to another application: its alembic_version holds {seen}; {FIX}")
    return str(stored[0]) if stored else None


def check_owner(connection: Connection, revision: str | None) -> None:
    """Raise `ForeignDatabase` if a table with our name lacks our columns, or there is a revision without `items`."""
    found = inspect(connection)
    for table, ours in COLUMNS.items():
        there = {column["name"] for column in found.get_columns(table)} if found.has_table(table) else None
        if there is not None and not ours <= there:
            missing = min(ours - there)
            raise ForeignDatabase(f"the table {table} is another application's: it has no column {missing!r}; {FIX}")
    if revision and not found.has_table("items"):
        fix = f"{FIX}, or, if it is ours, restore the table or drop alembic_version and migrate again"
        raise ForeignDatabase(f"alembic_version holds {revision!r}, and there is no table items: {fix}")
