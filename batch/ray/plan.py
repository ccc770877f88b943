"""What a run has to do: the parts of the input, each a range of the row groups of one file."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow
from pyarrow import parquet

from .features import without_views
from .places import Place, PlaceRefused

READS = 16  # files that are opened at the same time
ENDS = (".parquet", ".parq", ".pq")
log = logging.getLogger(__name__)
Each = TypeVar("Each")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Part:
    """The unit of work: row groups of a file.

    `file` is the file's path below the input; its size in bytes and the time of its last change, in ns, identify it.
    """

    number: int
    path: str
    file: str
    size: int
    changed: int
    first_group: int
    last_group: int
    first_row: int
    rows: int

    @property
    def name(self) -> str:
        return f"part-{self.number:06}.parquet"


class InputChanged(PlaceRefused):
    """A file is not the one that was planned."""


def find_parts(source: Place, part_rows: int) -> tuple[list[Part], dict[str, Any]]:
    """Return the parts of a file, or of the Parquet files in a folder, and each schema by the first file that has it.

    Raises:
        PlaceRefused: there is no Parquet file, or one cannot be read.
    """
    files = [source.info] if source.info.is_file else _data_files(source)
    if not files:
        raise PlaceRefused(f"{source.path} {'holds no Parquet file' if source.exists else 'does not exist'}")
    parts, schemas = list[Part](), dict[str, Any]()
    for info, (schema, rows) in zip(files, in_threads(lambda info: _footer(source, info), files), strict=True):
        if not any(schema.equals(known) for known in schemas.values()):
            schemas[info.path] = schema
        parts += _split(source, info, rows, part_rows, len(parts))
    return parts, schemas


def in_threads(call: Callable[[Each], Result], values: Iterable[Each]) -> Iterator[Result]:
    """Yield what a call returns for each value, in their order; object stores answer many at the same time."""
    with ThreadPoolExecutor(READS) as threads:
        yield from threads.map(call, values)


def check_unchanged(source: Place, part: Part) -> None:
    """Raise `InputChanged` unless the file of a part is the one that was planned."""
    info = source.at(part.path).info
    if (info.size, info.mtime_ns) != (part.size, part.changed):
        raise InputChanged(f"{part.path} changed during the run; remove the unfinished output and start again")


def unreadable(path: str, error: Exception) -> PlaceRefused:
    """Return the error for a file that cannot be read, in one line."""
    return PlaceRefused(f"{path} cannot be read: {' '.join(str(error).split())}")


def _data_files(source: Place) -> list[Any]:
    """Return the Parquet files in a folder, without names that begin with _ or .; other files are logged."""
    inside = {each.path[len(source.path) + 1 :]: each for each in source.files()}
    shown = {name: each for name, each in inside.items() if not any(part[0] in "_." for part in name.split("/"))}
    if others := [name for name in shown if not name.lower().endswith(ENDS)]:
        more = f" and {len(others) - 5:,} more" if len(others) > 5 else ""
        log.info("files that are not read: %s%s", ", ".join(others[:5]), more)
    return [each for name, each in shown.items() if name not in others]


def _footer(source: Place, info: Any) -> tuple[Any, list[int]]:
    """Return a file's schema, and the number of rows in each of its row groups."""
    try:
        with source.system.open_input_file(info.path) as file, parquet.ParquetFile(file) as opened:
            metadata = opened.metadata
            rows = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
            return without_views(opened.schema_arrow), rows
    except (pyarrow.ArrowException, OSError) as error:
        raise unreadable(info.path, error) from None


def _split(source: Place, info: Any, rows: Sequence[int], part_rows: int, number: int) -> Iterator[Part]:
    """Yield the parts of a file: row groups that hold at least `part_rows` rows; the last part has the rest."""
    file = info.path[len(source.path) + 1 :] or info.base_name
    first_group = first_row = count = 0
    for group, size in enumerate(rows):
        count += size
        if count >= part_rows or (group == len(rows) - 1 and count):
            place = (first_group, group, first_row, count)
            yield Part(number, info.path, file, info.size, info.mtime_ns or 0, *place)
            number, first_group, first_row, count = number + 1, group + 1, first_row + count, 0
