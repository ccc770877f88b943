"""The golden answers beside a model's manifest, and how a server's answers are compared with them."""

import base64
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REMEDY = "package the model again (python -m models.package)"


class Differs(Exception):
    """The server gives another answer. The message names the row, both values, and the protocol."""


@dataclass(frozen=True)
class Golden:
    """Inputs by column with the answers of the training framework, for one version of a model."""

    name: str
    version: int
    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]
    labels: list[str] | None
    tolerance: float

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))


def read_golden(folder: Path) -> Golden:
    """Return the golden answers of a version's folder, or of the highest version in a model's folder.

    Raises:
        ValueError: there are none, they are not those of the manifest, or they cannot be used.
    """
    versions = [path for path in folder.glob("*") if path.name.isascii() and path.name.isdigit() and path.is_dir()]
    path = max(versions, key=lambda version: int(version.name), default=folder)
    try:
        manifest, content = json.loads((path / "manifest.json").read_bytes()), (path / "golden.json").read_bytes()
        entry = manifest["files"]["golden.json"]
        expected = (entry if isinstance(entry, str) else entry["sha256"]).lower()
        if hashlib.sha256(content).hexdigest() != expected:
            raise ValueError("it is not what was built: its sha256 is not that of the manifest")
        fields = json.loads(content)
        golden = Golden(
            str(manifest["name"]),
            int(path.resolve().name),
            {name: _with_nan(column) for name, column in fields["inputs"].items()},
            dict(fields["outputs"]),
            fields.get("labels"),
            float(fields["tolerance"]),
        )
        if not golden.inputs or not golden.outputs or not golden.rows:
            raise ValueError("it has no rows")
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}; {REMEDY}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}/golden.json cannot be used: {error!r}; {REMEDY}") from error
    return golden


def _with_nan(values: Any) -> Any:
    """Return the inputs with NaN for each null: a missing value."""
    if isinstance(values, list):
        return [_with_nan(value) for value in values]
    return math.nan if values is None else values


def compare(where: str, name: str, expected: Any, got: Any, tolerance: float) -> None:
    """Raise `Differs` at the first value that differs. [n] and [n, 1] hold the same answers.

    Numbers with a fraction may differ by `tolerance`, absolutely and relatively. All other values must be equal.
    """
    if len(expected) != (len(got) if isinstance(got, list) else 0):
        raise Differs(f"{where} {name} has {len(expected)} rows, the server's has {_rows(got)}")
    for row, (one, other) in enumerate(zip(expected, got, strict=True)):
        flat = isinstance(one, list) != isinstance(other, list)
        pair = (_only(one), _only(other)) if flat else (one, other)
        _compare(f"{where} row {row}, {name}", *pair, tolerance)


def _rows(got: Any) -> object:
    return len(got) if isinstance(got, list) else "none"


def _only(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _compare(place: str, expected: Any, got: Any, tolerance: float) -> None:
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, (one, other) in enumerate(zip(expected, got, strict=True)):
            _compare(f"{place}[{index}]", one, other, tolerance)
    elif not _equal(expected, got, tolerance):
        raise Differs(f"{place}: expected {_shown(expected)}, the server gives {_shown(got)}")


def _equal(expected: Any, got: Any, tolerance: float) -> bool:
    if isinstance(got, float) and (expected is None or isinstance(expected, int | float)):
        wanted = math.nan if expected is None else expected  # null stands for NaN
        if math.isnan(wanted) or math.isinf(wanted):
            return got == wanted or (math.isnan(got) and math.isnan(wanted))
        return abs(got - wanted) <= tolerance + tolerance * abs(wanted)
    return bool(_text(expected) == _text(got)) and isinstance(expected, bool) == isinstance(got, bool)


def _text(value: Any) -> Any:
    """Return the text that {"b64": ...} stands for, and any other value as it is."""
    if isinstance(value, dict) and value.keys() == {"b64"}:
        return base64.b64decode(value["b64"]).decode(errors="replace")
    return value


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else f"{value!r:.60}"
