"""Read the feed from a cursor on. A cursor is the number of a chunk and the id of the last row that was read of it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy import ColumnElement, Connection, Engine, select

from ..errors import ServiceError
from ..tables import Item, State
from .tables import Completion, Position

MAX_NUMBER = 2**63 - 1
CURSOR = re.compile(r"([0-9]{1,50})(?:\.(-?[0-9]{1,50})?)?")
PAGE_ROWS = 5_000
MOST_CHUNKS = 1_000  # in one query
SinceCursor = Annotated[str | None, typer.Option(help="Only rows completed since: 0 first, then the printed cursor.")]


class BadCursor(ServiceError):
    """The text is not a cursor of this feed."""

    status = 422


class Cursor(NamedTuple):
    """A place in the feed: after the row `row_id` of the chunk `number`, or before its first row (None)."""

    number: int = 0
    row_id: int | None = None  # an id may be below 1

    def __str__(self) -> str:
        return f"{self.number}" if self.row_id is None else f"{self.number}.{self.row_id}"


def read_cursor(text: str) -> Cursor:
    """Return the cursor that a text holds, `0` for the beginning; raise `BadCursor` if it is not a cursor."""
    found = CURSOR.fullmatch(text)
    numbers = [int(part) for part in found.groups() if part] if found else []
    if not numbers or max(map(abs, numbers)) > MAX_NUMBER:
        raise BadCursor(f"{text[:50]!r} is not a cursor: begin with 0, then give the one of the last answer")
    return Cursor(*numbers)


def read_feed(connection: Connection, cursor: Cursor, limit: int, columns: Sequence[Any]) -> tuple[list[Any], Cursor]:
    """Return up to `limit` rows (`columns`, the first is the id) after the cursor, and the next cursor.

    A row is as it is now; a row that is no longer done, or was deleted, is left out.

    Raises:
        BadCursor: no chunk has such a high number yet, as after a restore from a backup.
    """
    chunks = select(Completion).where(Completion.number >= cursor.number).order_by(Completion.number)
    wanted: list[tuple[int, int]] = []
    for chunk in connection.execute(chunks.limit(MOST_CHUNKS)).mappings():
        after = cursor.row_id if chunk["number"] == cursor.number else None
        if chunk["ids"] is None:
            if wanted:
                break
            between = [Item.id >= chunk["first_id"], Item.id <= chunk["last_id"]]
            between += [] if after is None else [Item.id > after]
            found = _rows(connection, columns, *between, limit=limit)
            if found:
                return found, Cursor(chunk["number"], found[-1][0])
            cursor = Cursor(chunk["number"], MAX_NUMBER)
            continue
        wanted += [(chunk["number"], row_id) for row_id in chunk["ids"] if after is None or row_id > after]
        if len(wanted) >= limit:
            break
    if not wanted and cursor.number > (connection.scalar(select(Position.number)) or 0):
        raise BadCursor(f"{cursor} is ahead of this feed, as after a restore from a backup: begin with 0")
    wanted = wanted[:limit]
    by_id = {row[0]: row for row in _rows(connection, columns, Item.id.in_({row_id for _, row_id in wanted}))}
    return [by_id[row_id] for _, row_id in wanted if row_id in by_id], Cursor(*wanted[-1]) if wanted else cursor


def _rows(
    connection: Connection, columns: Sequence[Any], *where: ColumnElement[bool], limit: int | None = None
) -> list[Any]:
    query = select(*columns).where(Item.state == State.DONE, *where).order_by(Item.id).limit(limit)
    return list(connection.execute(query))


class Since:
    """The rows completed since a cursor, page by page; without a cursor (None), all rows, from another reader."""

    def __init__(self, engine: Engine, again: Callable[..., Any], since: str | None, columns: Sequence[Any]) -> None:
        self._engine, self._again, self._columns = engine, again, columns
        self._cursor = None if since is None else read_cursor(since)

    def pages(self, everything: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        """Yield the rows in the order of their completion, or `everything`."""
        if self._cursor is None:
            yield from everything
        before = None
        while self._cursor != before:
            before = self._cursor
            page, self._cursor = self._again(self._read, self._cursor)
            yield page

    def print_cursor(self) -> None:
        """Print the cursor after the last page."""
        if self._cursor is not None:
            typer.echo(f"for what follows: --since-cursor {self._cursor}", err=True)

    def _read(self, cursor: Cursor) -> tuple[list[Any], Cursor]:
        with self._engine.connect() as connection:
            return read_feed(connection, cursor, PAGE_ROWS, self._columns)
