"""Check that a model gives its golden answers, and that its probabilities are those of its labels.

Twin: web_single/golden and batch/golden hold this file byte for byte.
"""

from typing import Any

import numpy as np

from ..artifact import Artifact
from ..model import MODEL_FILE, Model
from ..rows import Arrays
from .golden import GOLDEN_FILE, REMEDY, Golden, GoldenDiffers, as_text, compare, read_golden
from .probabilities import check_labels, check_probabilities, find_own_label

TOLERANCE = 1e-4  # of probabilities, where there are no golden answers


def check_answers(model: Model, artifact: Artifact) -> bool:
    """Return whether the model has golden answers; raise `ArtifactRefused` if it gives other answers.

    With or without golden answers, a classifier's output must hold probabilities, and the graph's own label must be
    the likeliest one. The first golden row becomes the model's sample.
    """
    golden = read_golden(artifact)
    rows = _golden_rows(model, golden) if golden else {}
    model.check()
    rows = rows or model.row_format.arrays([model.sample])
    own, classes = find_own_label(model, artifact.manifest)
    names = [*dict.fromkeys([model.output, *([own] if own else []), *(golden.outputs if golden else [])])]
    try:
        results = dict(zip(names, model.session.run(names, rows), strict=True))
    except Exception as error:
        raise GoldenDiffers(f"{MODEL_FILE} fails on its golden rows: {error}; {REMEDY}") from error
    tolerance = golden.tolerance if golden else TOLERANCE
    for name, expected in golden.outputs.items() if golden else ():
        compare(name, expected, results[name], tolerance)
    if model.task == "classification":
        probabilities = results[model.output]
        check_probabilities(model, probabilities)
        likeliest = probabilities.argmax(axis=1)  # the label that is served, also where two are as likely
        if own:
            orders = [classes] if classes else [model.labels, range(len(model.labels))]
            given = [int(label) if isinstance(label, bool) else label for label in results[own].ravel().tolist()]
            check_labels(model, "the graph's own", given, orders, likeliest)
        if golden and golden.labels:
            check_labels(model, "the golden", golden.labels, [model.labels], likeliest)
    return golden is not None


def _golden_rows(model: Model, golden: Golden) -> Arrays:
    """Return the golden rows as the graph takes them, and make the first one the model's sample."""
    named = {*golden.outputs}, {*golden.inputs}
    there = {each["name"] for each in model.outputs}, {each["name"] for each in model.inputs}
    if model.output not in named[0] or not named[0] <= there[0] or named[1] != there[1]:
        wanted = f"the inputs {sorted(there[1])} and at least the output {model.output!r}"
        raise GoldenDiffers(f"{GOLDEN_FILE} must be for {wanted}; {REMEDY}")
    rows: Arrays = {}
    sample: list[Any] = []
    for tensor in model.inputs:
        name, text = tensor["name"], tensor["dtype"] == "string"
        try:
            values = np.array(golden.inputs[name], object if text else tensor["dtype"])
            rows[name] = (as_text(values) if text else values).reshape(-1, *tensor["shape"][1:])
        except (ValueError, TypeError, OverflowError) as error:
            raise GoldenDiffers(f"{GOLDEN_FILE}: inputs: {name}: {error}; {REMEDY}") from error
        sample += rows[name][0].ravel().tolist()
    model.sample = [None if value != value else value for value in sample]  # JSON has no NaN
    return rows
