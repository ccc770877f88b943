"""Inserts many rows in as many statements as the database's limit of bytes needs."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, event

from ..errors import ServiceError
from .statements import MOST_BYTES, OF_A_ROW, RESERVED, read_limit

QUOTED = 2  # a byte of JSON takes up to two in a statement


class RowTooLarge(ServiceError):
    """One row alone is larger than a statement may be."""

    status = 413


def fit_inserts(add: Callable[..., Any]) -> Callable[..., Any]:
    """Return `add`, which inserts rows (values, key), with statements that `max_allowed_packet` allows.

    SQLite has no such limit. The returned function raises `RowTooLarge` for a row that no statement can hold.
    """

    def add_fitting(connection: Connection, rows: Sequence[tuple[Any, str | None]], *more: Any) -> Any:
        if rows and connection.dialect.name != "sqlite":
            limit = read_limit(connection) - RESERVED
            sizes = [QUOTED * len(to_json(values)) + MOST_BYTES * len(key or "") + OF_A_ROW for values, key in rows]
            if (largest := max(sizes)) > limit:
                place = f"data[{sizes.index(largest)}]: {largest:,} bytes in a statement"
                raise RowTooLarge(f"{place}, max_allowed_packet allows {limit:,}; raise it, or send a smaller row")
            connection.execution_options(insertmanyvalues_page_size=limit // largest)  # SQLAlchemy's, with RETURNING
            event.listen(connection, "before_cursor_execute", _pymysql_stops_at(limit))
        return add(connection, rows, *more)

    return add_fitting


def _pymysql_stops_at(limit: int) -> Callable[..., None]:
    """Return a listener that tells PyMySQL, whose executemany joins rows, how many bytes a statement may have."""

    def before_cursor_execute(connection: Connection, cursor: Any, *_: Any) -> None:
        cursor.max_stmt_length = limit

    return before_cursor_execute
