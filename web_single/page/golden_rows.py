"""The golden rows, which show what values an input usually has."""

import base64
import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..model import Model


def golden_columns(model: Model, model_dir: Path) -> list[list[Any]]:
    """Return the golden values of each column of a row, or [] if there are none that can be read.

    They only give hints, such as the range of a slider, so they are not verified again.
    """
    found = [path for path in model_dir.glob("*") if path.name.isdecimal() and int(path.name) == model.version]
    columns: list[list[Any]] = []
    try:
        inputs = json.loads((found[0] / "golden.json").read_text(), object_hook=_decode)["inputs"]
        for tensor in model.inputs:
            rows = np.array(inputs[tensor["name"]], object)
            columns += rows.reshape(len(rows), prod(tensor["shape"][1:])).T.tolist()
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return columns


def _decode(entry: dict[str, Any]) -> Any:
    return base64.b64decode(entry["b64"]).decode(errors="replace") if set(entry) == {"b64"} else entry
