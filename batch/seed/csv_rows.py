"""Rows out of a CSV file: one row of the model on each line, with or without a line of names at the top."""

import csv
import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from lzma import LZMAError
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import to_json

from ..errors import ServiceError, first_error
from ..predictor import Read
from .cells import Column, checked_text
from .dialect import Form, FormUnclear, choose_names, read_lines
from .names import is_numbered

LONGEST_KEY = 255
UNREADABLE = (csv.Error, EOFError, OSError, ValueError, zlib.error, LZMAError)
log = logging.getLogger(__name__)


class NewRow(NamedTuple):
    """A row to add, and its owner's key."""

    values: list[Any]
    key: str | None = None


class BadLine(ServiceError):
    """A line is not a row of the model; the message names it, its fault, and the first line that was not added."""


def read(
    lines: Iterable[str],
    columns: Sequence[Column],
    read_row: Read,
    chunk_rows: int,
    form: Form | None = None,
    key: str | None = None,
) -> Iterator[list[NewRow]]:
    """Yield rows of the model, in chunks of at most `chunk_rows`. Empty lines are skipped.

    If the first line holds names, the columns are found by them. `key` is the name of the column of the owner's keys.

    Raises:
        FormUnclear: the names are not those of the model's columns, or the file can be read in two ways.
        BadLine: a line cannot be read or is not a row of the model; the chunks before it have been yielded.
    """
    decoded = _Decoded(lines)
    reader, names, decimal = _opened(decoded, form or Form(), columns)
    places = _places(names, columns, key)
    rows, unread = list[NewRow](), reader.line_num + 1
    try:
        for cells in filter(None, reader):
            rows.append(_row(cells, places, columns, read_row, decimal))
            if len(rows) == chunk_rows:
                yield rows
                rows, unread = [], reader.line_num + 1
    except UNREADABLE as error:
        raise decoded.bad_line(error, reader.line_num, unread) from error
    if rows:
        yield rows


class _Decoded:
    """Lines, and how many of them were read: a file is decoded in blocks, ahead of its lines."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._read = iter(lines), 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._read += 1
            yield line

    def bad_line(self, error: Exception, line: int, unread: int) -> BadLine:
        """Return the error for a line that cannot be read; nothing from line `unread` on was added."""
        fault = str(error)
        if isinstance(error, UnicodeDecodeError):
            line = self._read + error.object[: error.start].count(b"\n") + 1
            fault = f"not {error.encoding}; name the encoding with --encoding, for example cp1252"
        return BadLine(f"line {line}: {fault}; nothing from line {unread} on was added")


class Places(NamedTuple):
    """Where the values of a row are on a line of `width` cells, and what the columns are called in messages."""

    width: int
    values: list[int]
    key: int | None
    names: list[str]


def _opened(lines: _Decoded, form: Form, columns: Sequence[Column]) -> tuple[Any, list[str] | None, str]:
    try:
        return read_lines(lines, form, columns)
    except UNREADABLE as error:
        raise lines.bad_line(error, 1, 1) from error


def _places(names: list[str] | None, columns: Sequence[Column], key: str | None) -> Places:
    if names is None:
        if key is not None:
            raise FormUnclear(f"--key: the first line holds no names, so there is no column {key!r}")
        numbers = range(len(columns))
        return Places(len(columns), list(numbers), None, [f"column {number + 1}" for number in numbers])
    names = [name.strip() for name in names]
    if key is not None and names.count(key) != 1:
        raise FormUnclear(f"--key: the names are {', '.join(names)}; {key!r} is not one of them")
    wanted = choose_names(names, columns)
    if not any(wanted) and is_numbered(names) and len(names) - (names[:1] == [""]) == len(columns):
        wanted = list(names[-len(columns) :])
    if None in wanted:
        missing, seen = columns[wanted.index(None)].name, ", ".join(names)
        fix = "name the columns in the model's order with --columns"
        raise FormUnclear(f"no column is called {missing!r}: the names are {seen}; {fix}")
    values = [names.index(name) for name in wanted if name is not None]
    if unused := sorted({*range(len(names))} - {*values} - ({names.index(key)} if key else set())):
        log.info("columns that are not used: %s", ", ".join(names[index] or "(no name)" for index in unused))
    return Places(len(names), values, names.index(key) if key else None, [names[index] for index in values])


def _row(cells: Sequence[str], places: Places, columns: Sequence[Column], read_row: Read, decimal: str) -> NewRow:
    if len(cells) != places.width:
        raise ValueError(f"{len(cells)} values, there must be {places.width}")
    if len(cells) > 1 and not any(cell.strip() for cell in cells):  # as Excel ends a table
        raise ValueError("no cell has a value")
    row = []
    for index, name, column in zip(places.values, places.names, columns, strict=True):
        try:
            row.append(column.read(cells[index], decimal))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    try:
        return NewRow(read_row(to_json(row)), None if places.key is None else _key(cells[places.key]))
    except ValidationError as error:
        raise ValueError(first_error(error, whole="")) from None


def _key(cell: str) -> str:
    cell = checked_text(cell).strip()
    if not 0 < len(cell) <= LONGEST_KEY:
        raise ValueError(f"a key has 1 to {LONGEST_KEY} characters")
    return cell
