"""Files of predictions, CSV or Parquet, which get their name when they are complete."""

import csv
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

from .columns import Columns
from .pages import ExportRefused

Write = Callable[[Sequence[Sequence[Any]]], None]


class Format(StrEnum):
    """The format of a file of predictions."""

    CSV = "csv"
    PARQUET = "parquet"


def format_of(path: Path) -> Format:
    """Return the format that a file's name ends in; stdout (`-`) gets CSV.

    Raises:
        ExportRefused: the name does not end in a known format.
    """
    try:
        return Format.CSV if str(path) == "-" else Format(path.suffix[1:].lower())
    except ValueError:
        raise ExportRefused(f"{path}: give a name that ends in .csv or .parquet, or --format") from None


@contextmanager
def open_output(path: Path, kind: Format, columns: Columns) -> Iterator[Write]:
    """Yield a function that writes rows; the file gets its name if the block succeeds, and is removed if not.

    Raises:
        ExportRefused: no pyarrow for Parquet, Parquet on stdout, or `path` is a folder, a pipe or a device.
    """
    if str(path) == "-":
        if kind is not Format.CSV:
            raise ExportRefused(f"only csv can be written to stdout, not {kind}")
        with _flushed(sys.stdout):
            yield _csv(sys.stdout, columns)
        return
    if path.exists() and not path.is_file():
        raise ExportRefused(f"{path} is not a file, and would be replaced by one; - is stdout")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with _file(part, columns) if kind is Format.CSV else _parquet(part, columns) as write:
            yield write
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _flushed(file: TextIO) -> Iterator[None]:
    """Flush while an error can still be reported; drop the text after an error, or Python would write it at exit."""
    try:
        yield
        file.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())
        raise


@contextmanager
def _file(path: Path, columns: Columns) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _csv(file, columns)


def _csv(file: TextIO, columns: Columns) -> Write:
    # A label stays as it is, even if a spreadsheet takes it for a formula: programs that join by it need -1 as -1.
    # The writer quotes a cell that holds a character of its line end. So its line end is \r\n, and \n is written.
    lines = SimpleNamespace(write=lambda line: file.write(line.removesuffix("\r\n") + "\n"))
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(columns)
    return writer.writerows


@contextmanager
def _parquet(path: Path, columns: Columns) -> Iterator[Write]:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise ExportRefused("parquet needs pyarrow, which is not installed: pip install pyarrow") from None
    types = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string(), bool: pyarrow.bool_()}
    types[datetime] = pyarrow.timestamp("us", tz="UTC")
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    floats = [kind is float for kind in columns.values()]

    def write(rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        by_column = zip(zip(*rows, strict=True), floats, strict=True)
        try:
            cells = [list(map(_as_float, column)) if is_float else column for column, is_float in by_column]
            writer.write_batch(pyarrow.record_batch(cells, schema=schema))
        except (TypeError, ValueError, OverflowError) as error:  # those of pyarrow are kinds of these
            raise ExportRefused(f"parquet cannot hold a value, csv can: {error}") from None

    with ParquetWriter(path, schema) as writer:
        yield write


def _as_float(cell: Any) -> float | None:
    """Return a number as the model took it: a float, also if the row holds a whole number above 2**53."""
    return None if cell is None else float(cell)
