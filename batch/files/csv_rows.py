"""Rows out of a CSV file: one row of the model on each line, with or without a line of names at the top."""

import csv
import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from pydantic import ValidationError
from pydantic_core import to_json

from ..errors import ServiceError
from ..predictor import Read, read_artifact, row_reader, why_invalid
from ..settings import Settings
from .cells import Column, columns_of, is_number

Chunk = list[list[Any]]
CsvFile = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        help="Rows to add: a file, also .gz, or - for stdin. A bad line ends the load; the chunks before it stay.",
    ),
]


class BadLine(ServiceError):
    """A line is not a row of the model; the message names it, its fault, and the first line that was not added."""


def rows_of(file: Path, chunk_rows: int) -> Iterator[Chunk]:
    """Yield the rows of a file, as wide as the model that the settings name takes them."""
    settings = Settings()
    manifest = read_artifact(settings.model_dir, settings.model_version).manifest
    read_row = row_reader(manifest)
    with open_text(file) as lines:
        yield from read(lines, columns_of(manifest), read_row, chunk_rows)


def open_text(path: Path) -> TextIO:
    """Open a file, unpacked if its name ends in .gz, or stdin for `-`; a byte order mark is skipped."""
    raw: Any = sys.stdin.buffer if str(path) == "-" else (gzip.open if path.suffix == ".gz" else open)(path, "rb")
    return TextIOWrapper(raw, "utf-8-sig", errors="replace", newline="")


def read(lines: Iterable[str], columns: Sequence[Column], read_row: Read, chunk_rows: int) -> Iterator[Chunk]:
    """Yield rows of the model, in chunks of at most `chunk_rows`.

    The first line holds names if none of its cells is a number, or where a row holds text only, if they are the names
    of the columns. Empty lines are skipped.

    Raises:
        BadLine: a line cannot be read or is not such a row; the chunks before it have been yielded.
    """
    reader, rows = csv.reader(lines, strict=True), Chunk()
    names, unread = [f"column {number}" for number in range(1, len(columns) + 1)], 1
    text_only = all(column.kind is str for column in columns)
    try:
        for cells in filter(None, reader):
            named = cells == [column.name for column in columns] if text_only else not any(map(is_number, cells))
            if unread == 1 and not rows and named:
                names, unread = cells, reader.line_num + 1
                continue
            rows.append(_row(cells, names, columns, read_row))
            if len(rows) == chunk_rows:
                yield rows
                rows, unread = [], reader.line_num + 1
    except (csv.Error, EOFError, OSError, ValueError, zlib.error) as error:
        raise BadLine(f"line {reader.line_num}: {error}; nothing from line {unread} on was added") from error
    if rows:
        yield rows


def _row(cells: Sequence[str], names: Sequence[str], columns: Sequence[Column], read_row: Read) -> list[Any]:
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} values, the model takes {len(columns)}")
    row = []
    for name, cell, column in zip(names, cells, columns, strict=False):
        try:
            row.append(column.read(cell))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    try:
        return read_row(to_json(row))
    except ValidationError as error:
        raise ValueError(why_invalid(error)) from None
