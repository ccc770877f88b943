"""Rows out of a CSV file: one row of numbers on each line, with or without a line of names at the top."""

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

from ..errors import ServiceError, first_error
from ..model import ROW, read_artifact
from ..schemas import wrong_width
from ..settings import Settings

Chunk = list[list[float]]
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
    artifact = read_artifact(settings.model_dir, settings.model_version)
    with open_text(file) as lines:
        yield from read(lines, artifact.manifest["inputs"][0]["shape"][1], chunk_rows)


def open_text(path: Path) -> TextIO:
    """Open a file, unpacked if its name ends in .gz, or stdin for `-`; a byte order mark is skipped."""
    raw: Any = sys.stdin.buffer if str(path) == "-" else (gzip.open if path.suffix == ".gz" else open)(path, "rb")
    return TextIOWrapper(raw, "utf-8-sig", errors="replace", newline="")


def read(lines: Iterable[str], width: int, chunk_rows: int) -> Iterator[Chunk]:
    """Yield rows of `width` finite float32 values, in chunks of at most `chunk_rows`.

    The first line holds names if none of its cells is a number. Empty lines are skipped.

    Raises:
        BadLine: a line cannot be read or is not such a row; the chunks before it have been yielded.
    """
    reader, rows = csv.reader(lines, strict=True), list[list[float]]()
    names, unread = [f"column {number}" for number in range(1, width + 1)], 1
    try:
        for cells in filter(None, reader):
            if unread == 1 and not rows and not any(map(_is_number, cells)):
                names, unread = cells, reader.line_num + 1
                continue
            rows.append(_row(cells, names, width))
            if len(rows) == chunk_rows:
                yield rows
                rows, unread = [], reader.line_num + 1
    except (csv.Error, EOFError, OSError, ValueError, zlib.error) as error:
        raise BadLine(f"line {reader.line_num}: {error}; nothing from line {unread} on was added") from error
    if rows:
        yield rows


def _row(cells: Sequence[str], names: Sequence[str], width: int) -> list[float]:
    if fault := wrong_width(cells, width):
        raise ValueError(fault)
    if wrong := [name for name, cell in zip(names, cells, strict=False) if not _is_number(cell)]:
        raise ValueError(f"{wrong[0]}: not a number")
    try:
        return ROW.validate_python([float(cell) for cell in cells])
    except ValidationError as error:
        raise ValueError(first_error(error, whole="")) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python would read 1_0 as 10
