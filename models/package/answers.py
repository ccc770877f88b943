"""Golden answers: read them, and choose the rows that are kept."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..golden import TOLERANCE
from .graph import Arrays, PackagingRefused, Tensor, numpy_type, one_line

KEPT_ROWS, MOST_ROWS, MOST_VALUES = 16, 100, 100_000
FORM = '{"inputs": {name: [...]}, "outputs": {name: [...]}, "labels": [...]}'


@dataclass(frozen=True)
class Golden:
    """Rows by input name, the trainer's answers to them by output name, and the labels that it predicts."""

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    labels: list[str] | None = None
    tolerance: float = TOLERANCE

    def rows(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.inputs.values())))

    def pick(self, chosen: Sequence[int]) -> "Golden":
        """Return the rows with the given numbers."""
        inputs = {name: [values[row] for row in chosen] for name, values in self.inputs.items()}
        outputs = {name: [values[row] for row in chosen] for name, values in self.outputs.items()}
        return replace(self, inputs=inputs, outputs=outputs, labels=self.labels and [self.labels[r] for r in chosen])


def read_golden(path: Path) -> Golden:
    """Read a JSON file of the form `FORM`; a missing number is null."""
    try:
        content = json.loads(path.read_bytes())
        labels = content.get("labels") or None
        if labels and not (isinstance(labels, list) and all(isinstance(each, (str, int, float)) for each in labels)):
            raise TypeError("labels must be a list of texts or numbers")
        tolerance = float(content.get("tolerance", TOLERANCE))
        return Golden(
            dict(content["inputs"]), dict(content["outputs"]), labels and [str(each) for each in labels], tolerance
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PackagingRefused(f"{path} must hold {FORM}: {type(error).__name__}: {one_line(error)}") from error


def arrays(golden: Golden, inputs: list[Tensor]) -> Arrays:
    """Return the golden inputs as the graph takes them, or raise `PackagingRefused`."""
    wanted, given = [each["name"] for each in inputs], [*golden.inputs]
    if set(wanted) != set(given):
        raise PackagingRefused(f"the golden inputs must be {wanted}, the graph's own, not {given}")
    columns: list[Any] = [
        *golden.inputs.values(),
        *golden.outputs.values(),
        *([golden.labels] if golden.labels else []),
    ]
    counts = {len(column) if isinstance(column, Sequence | np.ndarray) else -1 for column in columns}
    if len(counts) != 1 or min(counts) < 2 or not golden.outputs:
        raise PackagingRefused("too few golden rows: give at least 2, with an answer of the trainer for each of them")
    result = {tensor["name"]: _array(tensor, golden.inputs[tensor["name"]]) for tensor in inputs}
    if not 0 < golden.tolerance <= 0.01:
        raise PackagingRefused(f"the tolerance must be above 0 and at most 0.01, not {golden.tolerance}")
    return result


def _array(tensor: Tensor, given: Any) -> NDArray[Any]:
    name, dtype, shape = tensor["name"], tensor["dtype"], tensor["shape"]
    flat = [each.item() if isinstance(each, np.generic) else each for each in np.array(given, object).ravel().tolist()]
    if dtype.startswith("float"):
        flat = [float("nan") if value is None else value for value in flat]
    numbers = (bool,) if dtype == "bool" else (int,) if "int" in dtype else (int, float)
    kinds = (str, bytes) if dtype == "string" else numbers
    wrong = [each for each in flat if not isinstance(each, kinds) or (isinstance(each, bool) and dtype != "bool")]
    if wrong:
        fix = "fill missing values before" if wrong[0] is None else "give values of this type"
        raise PackagingRefused(f"golden input {name!r} is {dtype}, but holds {wrong[0]!r}; {fix}")
    try:
        with np.errstate(over="ignore"):
            values = np.array(flat, numpy_type(dtype)).reshape(len(given), *shape[1:])
    except (ValueError, OverflowError) as error:
        raise PackagingRefused(
            f"golden input {name!r} is not {dtype} {json.dumps(shape)}: {one_line(error)}"
        ) from error
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise PackagingRefused(f"golden input {name!r} holds infinity, or a number beyond {dtype}; leave such rows out")
    return values


def choose_rows(golden: Golden, rows: Arrays) -> list[int]:
    """Return the numbers of the rows to keep: for each label, missing input and largest output, and others."""
    first = {label: row for row, label in reversed([*enumerate(golden.labels or [])])}
    chosen = dict.fromkeys(sorted(first.values())[:MOST_ROWS])
    for values in rows.values():
        if values.dtype.kind == "f":
            missing = np.isnan(values.reshape(len(values), -1))
            chosen |= dict.fromkeys(np.flatnonzero(missing.any(axis=1))[:1].tolist())
    for answers in (np.asarray(each) for each in golden.outputs.values()):
        if answers.dtype.kind == "f":  # the tolerance is relative to the largest
            chosen[int(np.argmax(np.abs(answers).reshape(len(answers), -1).max(axis=1)))] = None
    width = sum(values[:1].size for values in rows.values())
    least = max(2, min(KEPT_ROWS, MOST_VALUES // max(width, 1)))
    spread = np.linspace(0, golden.rows() - 1, num=min(golden.rows(), KEPT_ROWS)).astype(int).tolist()
    for row in spread:
        if len(chosen) < least:
            chosen[row] = None
    return sorted(chosen)
