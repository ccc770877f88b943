"""Golden answers: a few inputs with the training framework's answers, which every service compares with its own."""

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN_FILE = "golden.json"
TOLERANCE = 1e-4


def write_golden(
    folder: Path,
    *,
    inputs: dict[str, Any],
    outputs: dict[str, Any],
    labels: list[str] | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    """Write `golden.json` into the version's `folder`, before its manifest.

    Args:
        inputs: an array [n, ...] or list for each input tensor.
        outputs: the answers of the training framework, never of the exported file: an array [n, ...] for each output.
        labels: of a classifier, the label [n] that the training framework predicts.
        tolerance: how far a number may be off, absolute and relative.
    """
    content: dict[str, Any] = {
        "inputs": {name: _as_json(values) for name, values in inputs.items()},
        "outputs": {name: _as_json(values) for name, values in outputs.items()},
    }
    if labels is not None:
        content["labels"] = list(labels)
    (folder / GOLDEN_FILE).write_text(json.dumps(content | {"tolerance": tolerance}, allow_nan=False) + "\n")


def _as_json(value: Any) -> Any:
    """Return arrays as lists, bytes in base64, and NaN, a missing value, as null."""
    match value:
        case np.ndarray() | np.generic():
            return _as_json(value.tolist())
        case list() | tuple():
            return [_as_json(each) for each in value]
        case bytes():
            return {"b64": base64.b64encode(value).decode()}
        case float() if math.isnan(value):
            return None
    return value
