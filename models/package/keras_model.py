"""Package a Keras model as a SavedModel, with its own answers as golden answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..golden import TOLERANCE, write_golden
from ..manifest import ARTIFACTS, new_version, write_manifest
from .answers import Golden, arrays, choose_rows
from .classifier import check_classifier, check_probabilities
from .comparison import check_independence, compare
from .graph import Arrays, PackagingRefused, Tensor, check_input, one_line
from .onnx_file import check_name


@dataclass(frozen=True)
class SavedGraph:
    """The signature `serving_default` of a SavedModel; tensors are {name, dtype, shape}."""

    signature: Any
    inputs: list[Tensor]
    outputs: list[Tensor]

    def run(self, names: list[str], rows: Arrays) -> list[NDArray[Any]]:
        """Return the outputs `names` for rows by input name, or raise `PackagingRefused`."""
        try:
            results = self.signature(**{name: tf.constant(values) for name, values in rows.items()})
        except (tf.errors.OpError, TypeError, ValueError) as error:
            raise PackagingRefused(f"the SavedModel fails on the golden rows: {one_line(error)}") from error
        return [results[name].numpy() for name in names]


def package_keras(
    model: keras.Model,
    rows: Any,
    name: str,
    *,
    labels: list[str] | None = None,
    tolerance: float = TOLERANCE,
    models: Path = ARTIFACTS,
) -> Path:
    """Write the next version of a model, and return its folder, or raise `PackagingRefused` and write nothing.

    Args:
        rows: at least 2 rows as `model.predict` takes them: an array, or an array for each input by its name.
        labels: of a classifier, in the order of its probabilities; None is a regressor.
    """
    check_name(name)
    labels = _read_labels(labels)
    rows = rows.to_numpy() if hasattr(rows, "to_numpy") else rows
    named = isinstance(rows, Mapping)
    expected = _ask(model, rows)
    with new_version(models, name, None) as folder:
        model.export(str(folder), verbose=False)
        graph = load_graph(folder)
        if len(graph.outputs) != 1:
            raise PackagingRefused(f"the model has {len(graph.outputs)} outputs; package one model for each of them")
        output = graph.outputs[0]["name"]
        if graph.outputs[0]["dtype"] == "bfloat16":
            raise PackagingRefused('the output is bfloat16; give the last layer dtype="float32"')
        inputs = dict(rows) if named else {graph.inputs[0]["name"]: rows}
        golden, asked = _check(graph, output, inputs, expected, labels, tolerance)
        kept = golden.pick(choose_rows(golden, asked))
        write_golden(folder, inputs=kept.inputs, outputs=kept.outputs, labels=kept.labels, tolerance=tolerance)
        about: dict[str, Any] = {"task": "classification", "labels": labels} if labels else {"task": "regression"}
        about |= {"output": output, "inputs": graph.inputs, "outputs": graph.outputs}
        write_manifest(folder, name=name, framework="tensorflow", **about)
    return models / name / folder.name


def _read_labels(labels: Any) -> list[str] | None:
    """Return the labels as texts, or raise `PackagingRefused`."""
    if labels is None:
        return None
    if isinstance(labels, str) or len(labels) == 0:
        raise PackagingRefused(f"the labels are {labels!r}; give a list of texts, or None for a regressor")
    return [str(each) for each in labels]


def _ask(model: keras.Model, rows: Any) -> NDArray[Any]:
    """Return what the model answers, or raise `PackagingRefused`."""
    try:
        named = isinstance(rows, Mapping)
        tensors = {key: tf.constant(each) for key, each in rows.items()} if named else tf.constant(rows)
        found = model.predict(tensors, verbose=0)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise PackagingRefused(f"the model fails on the rows; give rows as it takes them: {one_line(error)}") from error
    several = [*found.values()] if isinstance(found, Mapping) else found if isinstance(found, list) else [found]
    if len(several) != 1:
        raise PackagingRefused(f"the model has {len(several)} outputs; package one model for each of them")
    answers = np.asarray(several[0])
    return answers.astype(np.float32) if answers.dtype.name in ("bfloat16", "float16") else answers


def _check(
    graph: SavedGraph, output: str, inputs: dict[str, Any], expected: Any, labels: list[str] | None, tolerance: float
) -> tuple[Golden, Arrays]:
    """Compare the SavedModel with Keras in every row; return the golden answers, and the rows as tensors."""
    if labels:
        if expected.ndim != 2:
            fix = "give it one vector of probabilities [n, labels] for each row"
            raise PackagingRefused(f"the output of the classifier has the shape {expected.shape}; {fix}")
        check_probabilities(expected)
        if len(labels) != expected.shape[1]:
            reason = f"the model answers {expected.shape[1]} probabilities, but the labels are {list(labels)}"
            raise PackagingRefused(f"{reason}; name each label once, in their order")
    predicted = [labels[column] for column in expected.argmax(axis=1)] if labels else None
    golden = Golden(inputs, {output: expected}, predicted, tolerance)
    asked = arrays(golden, graph.inputs)
    (answers,) = graph.run([output], asked)
    if labels:
        check_classifier(golden, answers, None, labels, None)
    compare(output, expected, answers, tolerance)
    check_independence(graph, output, asked, answers, tolerance)
    return golden, asked


def load_graph(folder: Path) -> SavedGraph:
    """Load the SavedModel in a folder, or raise `PackagingRefused` if it cannot be served."""
    try:
        signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise PackagingRefused(f"it has no signature serving_default that loads: {one_line(error)}") from error
    inputs = [_describe(name, each) for name, each in signature.structured_input_signature[1].items()]
    for tensor in inputs:
        check_input(tensor)
    return SavedGraph(signature, inputs, [_describe(name, each) for name, each in signature.structured_outputs.items()])


def _describe(name: str, spec: tf.TensorSpec) -> Tensor:
    return {"name": name, "dtype": spec.dtype.name, "shape": spec.shape.as_list()}
