"""Check that a graph gives the probabilities of the labels, in the order of the labels.

Twin: web_single/golden and batch/golden hold this file byte for byte.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from ..artifact import ArtifactRefused
from ..errors import first_error
from ..model import MODEL_FILE, Model

SUM_TOLERANCE = 1e-3  # of probabilities in float32
# Shapes of an output with one value for each row. Some converters write 1 for the number of rows.
ONE_EACH: Any = [], [1], [None], [1, 1], [None, 1]


class LabelDescription(BaseModel):
    """What a manifest says about the label that the graph itself gives."""

    label_output: str | None = None  # null: the graph gives none; absent: the only output that can be the label
    classes: list[int] | list[str] = []  # the graph's own labels in the order of the probabilities


def check_probabilities(model: Model, probabilities: NDArray[Any]) -> None:
    """Raise `ArtifactRefused` unless each row holds finite numbers from 0 to 1 that sum to 1."""
    valid = (probabilities >= -SUM_TOLERANCE) & (probabilities <= 1 + SUM_TOLERANCE)
    good = valid.all(axis=1) & (abs(probabilities.sum(axis=1) - 1) <= SUM_TOLERANCE)
    for row in np.flatnonzero(~good)[:1]:
        shown = ", ".join(f"{value:.4g}" for value in probabilities[row][:5])
        fix = (
            "train with predict_proba, end a network with softmax, or name another output as `output` in manifest.json"
        )
        raise ArtifactRefused(
            f"{MODEL_FILE}: {model.output!r} holds no probabilities that sum to 1, but {shown}; {fix}"
        )


def find_own_label(model: Model, manifest: dict[str, Any]) -> tuple[str | None, list[Any]]:
    """Return the name of the output with the graph's own label, or None, and the `classes` in the manifest."""
    if len({*model.labels}) < len(model.labels):
        raise ArtifactRefused(f"manifest.json: labels: name each label once, not {model.labels}")
    try:
        described = LabelDescription.model_validate(manifest)
    except ValidationError as error:
        raise ArtifactRefused(f"manifest.json: {first_error(error)}") from None
    found = [tensor["name"] for tensor in model.outputs if _may_be_label(tensor)]
    if described.label_output and described.label_output not in found:
        raise ArtifactRefused(f"manifest.json: label_output: {described.label_output!r} is not one of {found}")
    if "label_output" in described.model_fields_set:
        return described.label_output, described.classes
    return found[0] if len(found) == 1 else None, described.classes


def check_labels(model: Model, whose: str, given: list[Any], orders: list[Any], likeliest: NDArray[Any]) -> None:
    """Raise `ArtifactRefused` unless each given label is the likeliest of its row, in one of the `orders` of labels.

    `likeliest` is the column of the highest probability of each row.
    """
    for order in orders:
        columns = {str(label): column for column, label in enumerate(order)}
        found = [columns.get(str(label), -1) for label in given]
        wrong = [row for row, column in enumerate(found) if column != likeliest[row]]
        if not wrong:
            return
    highest, label = model.labels[likeliest[wrong[0]]], given[wrong[0]]
    reason = f"{whose} label of row {wrong[0]} is {label!r}, but {model.output!r} is highest for {highest!r}"
    fix = "name the right `output`, `labels` in its order, or the graph's own labels as `classes` in manifest.json"
    fix += "; `label_output` is null if it has none" if whose == "the graph's own" else ""
    raise ArtifactRefused(f"{MODEL_FILE}: {reason}; {fix}")


def _may_be_label(tensor: dict[str, Any]) -> bool:
    return tensor["dtype"] in ("int64", "int32", "bool", "string") and tensor["shape"] in ONE_EACH
