"""The cells of a file: one column for each value of a row, as the inputs in the manifest describe them."""

from dataclasses import dataclass
from math import prod
from typing import Any

TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Column:
    """A value of a row: its name in a file, its type in Python, and whether it may be missing."""

    name: str
    kind: type
    missing: bool = False

    def read(self, cell: str) -> Any:
        """Return the value of a cell; raise `ValueError` if it is none. The model's own limits are checked later."""
        if self.kind is str:
            return cell
        if self.missing and not cell.strip():
            return None
        if self.kind is bool:
            if cell.strip().lower() not in TRUTH:
                raise ValueError("not true or false")
            return TRUTH[cell.strip().lower()]
        if not is_number(cell):
            raise ValueError("not a number")
        try:
            return self.kind(cell)
        except ValueError:
            raise ValueError("not a whole number") from None


def columns_of(manifest: dict[str, Any]) -> list[Column]:
    """Return the columns of the model's rows, by the names of its inputs; those of a single input have numbers."""
    columns = []
    for each in manifest["inputs"]:
        width, several = prod(each["shape"][1:]), len(manifest["inputs"]) > 1
        numbered = [f"{each['name']}_{number}" if several else str(number) for number in range(1, width + 1)]
        names = [each["name"]] if several and width == 1 else numbered
        columns += [Column(name, _kind(each["dtype"]), each.get("missing", False)) for name in names]
    return columns


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
