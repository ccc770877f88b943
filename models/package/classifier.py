"""Check that the probabilities of a classifier are those of its labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import Golden
from .graph import PackagingRefused

SUM_TOLERANCE = 1e-3  # of probabilities in float32


@dataclass(frozen=True)
class Labels:
    """The labels that are served, and the graph's own, both in the order of the probabilities."""

    served: list[str]
    classes: list[Any] | None


def check_classifier(
    golden: Golden,
    probabilities: NDArray[Any],
    own: NDArray[Any] | None,
    labels: list[str] | None,
    classes: list[Any] | None,
) -> Labels:
    """Return the labels of the columns of probabilities [n, labels], or raise `PackagingRefused`.

    Args:
        own: the labels [n] that the graph itself gives, if it has an output for them.
        labels: in the order of the columns; None takes the trainer's label of the rows in which a column is highest.
        classes: the graph's own values for the labels; None takes them from its answers in the same way.
    """
    check_probabilities(probabilities)
    if not golden.labels:
        raise PackagingRefused("the golden rows have no `labels`; add the label that the trainer predicts for each row")
    best = probabilities >= probabilities.max(axis=1, keepdims=True) - 2 * golden.tolerance
    served = labels or _infer(golden.labels, best)
    if not served:
        raise PackagingRefused(
            "the golden rows do not show every label; name all, in the order of the output (--labels)"
        )
    if len(served) != probabilities.shape[1] or len(set(served)) != len(served):
        reason = f"the probabilities have {probabilities.shape[1]} columns, but the labels are {served}"
        raise PackagingRefused(f"{reason}; name each label once, in the order of the columns (--labels)")
    first = probabilities.argmax(axis=1)  # the label that a service gives, also where two are as high
    _check_labels("trainer", golden.labels, served, first)
    if own is None:
        return Labels(served, None)
    values = [value.decode() if isinstance(value, bytes) else value for value in own.ravel().tolist()]
    classes = classes or _infer(values, best) or (list(range(len(served))) if own.dtype.kind == "i" else [*served])
    _check_labels("graph", values, classes, first)
    return Labels(served, classes)


def check_probabilities(values: NDArray[Any]) -> None:
    """Raise `PackagingRefused` unless each row holds at least two numbers from 0 to 1 that sum to 1."""
    if values.ndim == 1 or values.shape[1:] == (1,):
        fix = "export two columns, 1 - p and p, one for each label"
        raise PackagingRefused(f"the output has a single column, such as a sigmoid gives; {fix}")
    valid = (values >= -SUM_TOLERANCE) & (values <= 1 + SUM_TOLERANCE)
    good = valid.all(axis=1) & (abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE)
    for row in np.flatnonzero(~good)[:1]:
        shown = ", ".join(f"{value:.4g}" for value in values[row][:5])
        fix = "train it with probabilities (CalibratedClassifierCV), or end a network with softmax"
        if valid.all():
            fix = "package one model for each label, or serve the numbers as they are (--task regression)"
        raise PackagingRefused(f"the output holds no probabilities that sum to 1, but {shown} (raw scores?); {fix}")


def _infer(given: list[Any], best: NDArray[Any]) -> list[Any] | None:
    """Return the label of each column, from rows in which only this column is best; None if one is unknown."""
    found: dict[int, Any] = {}
    for label, columns in zip(given, best, strict=True):
        if columns.sum() == 1:
            found.setdefault(int(columns.argmax()), label)
    return [found[column] for column in range(best.shape[1])] if len(found) == best.shape[1] else None


def _check_labels(whose: str, given: list[Any], labels: list[Any], first: NDArray[Any]) -> None:
    """Raise `PackagingRefused` unless each given label is that of the column `first`, the highest of its row."""
    columns = {str(label): column for column, label in enumerate(labels)}
    for row, label in enumerate(given):
        if columns.get(str(label)) != first[row]:
            highest = labels[int(first[row])]
            reason = (
                f"golden row {row}: the {whose}'s label is {label!r}, but the probability of {highest!r} is highest"
            )
            fix = "name the labels in the order of the columns (--labels), or calibrate it (CalibratedClassifierCV)"
            if whose == "graph":
                fix = "export the model without its output for the label if it is none, or calibrate it"
            raise PackagingRefused(f"{reason}; {fix}")
