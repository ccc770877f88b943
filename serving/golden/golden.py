"""Golden answers: rows with the answers of the training framework, which a model must give before it is served.

Twin: web_single/golden, serving/golden and batch/golden hold this file byte for byte.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..artifact import Artifact, ArtifactRefused

GOLDEN_FILE = "golden.json"
LEAST = 1e-9  # the smallest scale of answers, as models/package/comparison.py has it
REMEDY = "package the model again (python -m models.package)"


class GoldenDiffers(ArtifactRefused):
    """The model does not give its golden answers, or they cannot be read."""


@dataclass(frozen=True)
class Golden:
    """What `golden.json` holds: for each tensor one value for each row, the trainer's labels, and a tolerance."""

    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]
    labels: list[str] | None
    tolerance: float


def read_golden(artifact: Artifact) -> Golden | None:
    """Return the golden answers of a verified artefact, or None if it has none."""
    if GOLDEN_FILE not in artifact.files:
        if (artifact.path / GOLDEN_FILE).exists():
            raise GoldenDiffers(f"{artifact.path}/manifest.json has no sha256 for {GOLDEN_FILE}; {REMEDY}")
        return None
    try:
        content = json.loads(artifact.files[GOLDEN_FILE], object_hook=_decode)
        golden = Golden(content["inputs"], content["outputs"], content.get("labels"), float(content["tolerance"]))
        columns = [*golden.inputs.values(), *golden.outputs.values()]
        rows = {len(column) for column in (columns if golden.labels is None else [*columns, golden.labels])}
        if not golden.inputs or not golden.outputs or len(rows) != 1 or 0 in rows or not 0 <= golden.tolerance < 1:
            raise ValueError("it must hold inputs, outputs and labels of the same number of rows, and a tolerance")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GoldenDiffers(f"{artifact.path}/{GOLDEN_FILE} cannot be used: {error!r}; {REMEDY}") from error
    return golden


def compare(name: str, expected: list[Any], got: NDArray[Any], tolerance: float) -> None:
    """Raise `GoldenDiffers` for the first value of the output `name` that differs from the expected one.

    Numbers with a fraction may differ by `tolerance` relatively, and by the same share of the largest expected number,
    at most of 1. All other values must be equal.
    """
    number = got.dtype.kind == "f"
    try:
        wanted = np.array(expected, np.float64 if number else object)
    except (ValueError, TypeError) as error:
        raise GoldenDiffers(f"{GOLDEN_FILE}: outputs: {name}: {error}; {REMEDY}") from error
    if wanted.size == got.size and wanted.shape[:1] == got.shape[:1] and 1 in (wanted.ndim, got.ndim):
        wanted = wanted.reshape(got.shape)  # [n] and [n, 1] hold the same answers
    if wanted.shape != got.shape:
        raise GoldenDiffers(f"golden {name} has the shape {wanted.shape}, the model's has {got.shape}; {REMEDY}")
    if number:
        largest = np.abs(wanted).max(initial=LEAST, where=np.isfinite(wanted))  # small answers need small differences
        equal = np.isclose(got, wanted, tolerance, tolerance * min(largest, 1), equal_nan=True)
    else:
        wanted, got = as_text(wanted), as_text(got)
        equal = wanted == got
    for row, *rest in np.argwhere(~equal)[:1].tolist():
        place = f"golden row {row}, {name}{''.join(f'[{index}]' for index in rest)}"
        shown = [f"{each:.6g}" if number else repr(each) for each in (wanted[row, *rest], got[row, *rest])]
        raise GoldenDiffers(f"{place}: expected {shown[0]}, the model gives {shown[1]}; {REMEDY}")


def as_text(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array of objects, in which bytes have become text."""
    texts = [value.decode(errors="replace") if isinstance(value, bytes) else value for value in values.ravel().tolist()]
    return np.array([*texts, None], object)[:-1].reshape(values.shape)  # None keeps numpy from looking into the texts


def _decode(entry: dict[str, Any]) -> Any:
    return base64.b64decode(entry["b64"]) if set(entry) == {"b64"} else entry
