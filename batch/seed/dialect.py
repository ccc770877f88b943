"""How a CSV file is written: its delimiter, its decimal mark, and whether its first line holds names."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from ..errors import ServiceError
from .cells import Column, is_number
from .names import holds_names, in_order, is_numbered, splits_one_number

DELIMITERS = ",;\t|"
SAMPLE_LINES = 200
WITH_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.I)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")


class FormUnclear(ServiceError):
    """The file can be read in two ways, or in none; the message shows what was seen, and the option that decides."""


@dataclass(frozen=True)
class Form:
    """What the options say about a file; None means that its lines decide."""

    delimiter: str | None = None
    decimal: str | None = None
    names: bool | None = None


def read_lines(lines: Iterable[str], form: Form, columns: Sequence[Column]) -> tuple[Any, list[str] | None, str]:
    """Return the csv reader of the rows, the names of the first line if there are any, and the decimal mark.

    Raises:
        FormUnclear: the lines do not decide.
    """
    lines = iter(lines)
    head = list(islice(lines, SAMPLE_LINES))
    delimiter = form.delimiter
    if head and (said := re.fullmatch(r"sep=(.)\r?\n?", head[0])):  # Excel writes this line for itself
        delimiter, head[0] = delimiter or said[1], "\n"
    if delimiter is None and form.decimal is None and splits_one_number([*_rows(head, ",")], columns):
        raise FormUnclear("cells may end at ',', or ',' is the decimal mark: give --delimiter or --decimal")
    delimiter = delimiter or _delimiter(head, columns)
    sample = list(_rows(head, delimiter))
    decimal = form.decimal or _decimal(sample, delimiter)
    named = _named(sample, columns, decimal) if form.names is None else form.names
    reader = csv.reader(chain(head, lines), delimiter=delimiter, strict=True)
    return reader, next(filter(None, reader), []) if named and sample else None, decimal


def choose_names(names: Sequence[str], columns: Sequence[Column]) -> list[str | None]:
    """Return the name of each column in a file: all as the inputs are called, all as an export calls them, or a mix.

    Raises:
        FormUnclear: the file has the names of both, or one name for two values.
    """
    once = {name for name, count in Counter(names).items() if count == 1}
    known = {tuple(column.names[place] for column in columns) for place in (0, -1)}
    whole = [form for form in known if once.issuperset(form)]
    chosen = [next((name for name in column.names if name in once), None) for column in columns]
    fix = "name the columns in the model's order with --columns"
    if len(whole) == 1:
        return list(whole[0])
    if whole:
        raise FormUnclear(f"the names are those of the model's inputs and those of an export: {fix}")
    if twice := [name for name, count in Counter(filter(None, chosen)).items() if count > 1]:
        raise FormUnclear(f"the column {twice[0]!r} would be read for two values of a row: {fix}")
    return chosen


def _rows(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the lines up to the first that cannot be read, which is named when the whole file is read."""
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        yield from filter(None, reader)
    except csv.Error:
        return


def _delimiter(head: list[str], columns: Sequence[Column]) -> str:
    """Return the delimiter that fits best.

    With it the first line holds the names of the columns, or else most lines have a cell for each column, or else most
    lines have the same number of cells. Among those that fit alike, most lines have numbers where the model takes them.

    Raises:
        FormUnclear: two delimiters fit alike, and give other cells.
    """
    width = len(columns)

    def fit(rows: list[list[str]]) -> tuple[bool, int, int]:
        counts = [len(cells) for cells in rows]
        most = max(set(counts), key=counts.count, default=1)
        return holds_names(rows[:1], columns), counts.count(width), counts.count(most) if most > width else 0

    found = {delimiter: list(_rows(head, delimiter)) for delimiter in DELIMITERS}
    best = max(map(fit, found.values()))
    fitting = [delimiter for delimiter, rows in found.items() if fit(rows) == best]
    if len(fitting) == 1 or not any(best):
        return fitting[0]
    values = {delimiter: sum(_holds_values(cells, columns) for cells in found[delimiter]) for delimiter in fitting}
    fitting = [delimiter for delimiter in fitting if values[delimiter] == max(values.values())]
    if other := next((delimiter for delimiter in fitting if found[delimiter] != found[fitting[0]]), None):
        raise FormUnclear(f"cells may end at {fitting[0]!r} or at {other!r}: give --delimiter")
    return fitting[0]


def _holds_values(cells: Sequence[str], columns: Sequence[Column]) -> bool:
    """Return whether each cell that must hold a number does, with either decimal mark."""
    numbers = [cell.strip() for cell, column in zip(cells, columns, strict=False) if column.kind in (int, float)]
    return len(cells) == len(columns) and all(not cell or is_number(cell.replace(",", ".")) for cell in numbers)


def _decimal(sample: list[list[str]], delimiter: str) -> str:
    cells = [cell.strip() for row in sample for cell in row]
    commas = [cell for cell in cells if WITH_COMMA.fullmatch(cell)]
    points = [cell for cell in cells if "." in cell and is_number(cell)]
    clear = [cell for cell in commas if not THOUSANDS.fullmatch(cell)]
    if commas and (points or not clear):
        seen = f"{commas[0]!r} and {points[0]!r}" if points else repr(commas[0])
        raise FormUnclear(f"the decimal mark is not clear from {seen}: give --decimal , or --decimal .")
    return "," if clear else "."


def _named(sample: list[list[str]], columns: Sequence[Column], decimal: str) -> bool:
    """Return whether the first line holds names: those of the columns, or cells without a number, or 0, 1, ... ."""
    if not sample or holds_names(sample[:1], columns):
        return bool(sample)
    first, rest = sample[0], sample[1:]
    if all(column.kind is str for column in columns):  # a line of names looks like a row
        raise FormUnclear(f"line 1 is {','.join(first)[:200]}: names or a row? Give --names or --no-names")
    if not any(is_number(cell.replace(decimal, ".")) for cell in first):
        return True
    if not in_order(first) or (len(columns) == 1 and not is_numbered(first)):
        return False
    fractions = [any(decimal in cell for cell in row) for row in rest]
    if is_numbered(first) != (len(rest) > 0 and all(fractions)):  # 1,2,3,4, years and wavelengths may be names, too
        raise FormUnclear(f"line 1 is {','.join(first)[:200]}: names or a row? Give --names or --no-names")
    return is_numbered(first)
