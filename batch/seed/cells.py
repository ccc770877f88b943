"""The cells of a file: one column for each value of a row, as the inputs in the manifest describe them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Column:
    """A value of a row: its names in a file, its type in Python, and whether it may be missing."""

    names: tuple[str, ...]
    kind: type
    missing: bool = False

    @property
    def name(self) -> str:
        return self.names[0]

    def read(self, cell: str, decimal: str = ".") -> Any:
        """Return the value of a cell; raise `ValueError` if it holds none. The model's own limits are checked later."""
        if self.kind is str:
            return checked_text(cell)
        if self.missing and not cell.strip():
            return None
        if self.kind is bool:
            if cell.strip().lower() not in TRUTH:
                raise ValueError("not true or false")
            return TRUTH[cell.strip().lower()]
        if decimal == ",":
            if "." in cell:
                raise ValueError("a point, where the decimal mark is a comma")
            cell = cell.replace(",", ".")
        if not is_number(cell):
            raise ValueError("not a number")
        try:
            number = self.kind(cell)
        except ValueError:
            raise ValueError("not a whole number") from None
        return None if self.missing and number != number else number  # JSON has no NaN


def columns_of(manifest: dict[str, Any], names: Sequence[str] = ()) -> list[Column]:
    """Return the columns of the model's rows, by the names of its inputs, with a number if an input has several values.

    An export calls those of a single input value_1, ..., and those of several inputs, too, if two would have the same
    name; in a file they then have no other names. `names` are those of one file, in the order of the model.

    Raises:
        ValueError: there are more or fewer `names` than columns, or a name comes twice.
    """
    columns = []
    several = len(manifest["inputs"]) > 1
    for each in manifest["inputs"]:
        width = prod(each["shape"][1:])
        for place in range(1, width + 1):
            name = each["name"] if width == 1 else f"{each['name']}_{place}"
            known = (name, f"value_{name if several else place}")
            columns.append(Column(known, _kind(each["dtype"]), each.get("missing", False)))
    if len({column.name for column in columns}) < len(columns):
        columns = [replace(column, names=(f"value_{number}",)) for number, column in enumerate(columns, 1)]
    if names and len(names) != len(columns):
        raise ValueError(f"{len(names)} names, the model takes {len(columns)} values")
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]!r} comes twice")
    if not names:
        return columns
    return [Column((name,), each.kind, each.missing) for name, each in zip(names, columns, strict=True)]


def checked_text(cell: str) -> str:
    """Return a cell of text, or raise `ValueError` if its quotes belong to the form of the file."""
    if cell[:1].isspace() and cell.lstrip().startswith('"'):
        raise ValueError("a quote after a space; write the quote directly after the delimiter")
    return cell


def is_number(cell: str) -> bool:
    """Return whether a cell holds a number as other programs write it."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python would read 1_0 as 10


def _kind(dtype: str) -> type:
    if dtype in ("string", "bool"):
        return str if dtype == "string" else bool
    return float if dtype.startswith("float") else int
