"""What the page is built from: a field for each value of a row, from the graph, the sample and the golden rows.

Numbers are strings here: a browser would round a whole number beyond 2**53.
"""

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..model import Model
from .golden_rows import golden_columns
from .span import span

MOST_FIELDS = 64  # a row with more values gets one field for all of them
MOST_CHOICES = 50


def describe(model: Model, model_dir: Path) -> dict[str, Any]:
    """Return the model's name, version, task and labels, and the `fields` of a row, or the whole `row` as JSON."""
    columns = list(_columns(model, model_dir))
    wide = len(columns) > MOST_FIELDS
    return {
        "name": model.name,
        "version": model.version,
        "task": model.task,
        "labels": model.labels,
        "named": len(model.inputs) > 1,  # a row of one tensor is a list
        "fields": None if wide else [_field(*column) for column in columns],
        "row": _row(model, columns) if wide else None,
    }


def _columns(model: Model, model_dir: Path) -> Iterator[tuple[dict[str, Any], bool, int | None, Any, list[Any]]]:
    """Yield for each value of a row its tensor, whether it may be missing, its index, its sample and its golden values.

    The index is None for a tensor with one value in a row.
    """
    golden, sample, position = golden_columns(model, model_dir), _listed(model), 0
    for tensor in model.inputs:
        width, missing = prod(tensor["shape"][1:]), tensor["name"] in model.row_format.missing
        for index in range(width):
            values = golden[position] if golden else []
            yield tensor, missing, None if width == 1 else index, sample[position], values
            position += 1


def _listed(model: Model) -> list[Any]:
    """Return the sample as a list, whichever form the manifest gives it."""
    if not isinstance(model.sample, dict):
        return list(model.sample)
    parts = [model.sample[tensor["name"]] for tensor in model.inputs]
    return [value for part in parts for value in (part if isinstance(part, list) else [part])]


def _field(tensor: dict[str, Any], missing: bool, index: int | None, sample: Any, golden: list[Any]) -> dict[str, Any]:
    name, dtype = tensor["name"], tensor["dtype"]
    field: dict[str, Any] = {"input": name, "label": name if index is None else f"{name}[{index}]", "index": index}
    field["missing"], field["kind"] = missing, {"bool": "bool", "string": "text"}.get(dtype, "number")
    field["value"] = "" if sample is None else sample if dtype == "string" else _json(sample, dtype)
    known = [value for value in [sample, *golden] if value is not None]
    if dtype == "string":
        field["choices"] = sorted({*map(str, known)})[:MOST_CHOICES]
    elif dtype != "bool":
        field["span"] = span(known, dtype)
    return field


def _json(value: Any, dtype: str) -> str:
    """Return a value as JSON, with as many digits as its type needs: 1.3 and 1.2999999523162842 are one float32."""
    short = value is not None and dtype in ("float16", "float32")
    return json.dumps(float(str(np.dtype(dtype).type(value))) if short else value)


def _row(model: Model, columns: list[Any]) -> str:
    """Return the sample as JSON: a list, or an object by the names of several tensors."""
    parts: dict[str, list[str]] = {tensor["name"]: [] for tensor in model.inputs}
    for tensor, _, _, sample, _ in columns:
        parts[tensor["name"]].append(_json(sample, tensor["dtype"]))
    listed = {name: f"[{', '.join(values)}]" for name, values in parts.items()}
    if len(parts) == 1:
        return next(iter(listed.values()))
    named = {name: parts[name][0] if len(parts[name]) == 1 else text for name, text in listed.items()}
    return f"{{{', '.join(f'{json.dumps(name)}: {text}' for name, text in named.items())}}}"
