"""Package a SavedModel that is on disk, with the answers of its trainer as golden answers."""

import base64
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..golden import write_golden
from ..manifest import ARTIFACTS, new_version, write_manifest
from .answers import Golden, arrays
from .comparison import compare
from .graph import PackagingRefused
from .keras_model import SavedGraph, load_graph
from .onnx_file import check_name

NOT_COPIED = shutil.ignore_patterns("manifest.json", "golden.json")


def package_saved_model(
    source: Path, name: str, golden: Golden, *, labels: list[str] | None = None, models: Path = ARTIFACTS
) -> Path:
    """Write the next version of a model, and return its folder, or raise `PackagingRefused` and write nothing.

    Args:
        source: the folder that holds saved_model.pb. Its signature `serving_default` is served.
        golden: rows with the answers of the trainer for any of the outputs; {"b64": ...} stands for bytes.
        labels: of a classifier.
    """
    check_name(name)
    if labels is None and (golden.labels or "label" in golden.outputs):
        raise PackagingRefused("the model is a classifier; give its labels, LABELS=a,b")
    with new_version(models, name, None) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=NOT_COPIED)
        graph = load_graph(folder)
        _check(graph, golden)
        write_golden(
            folder, inputs=golden.inputs, outputs=golden.outputs, labels=golden.labels, tolerance=golden.tolerance
        )
        about: dict[str, Any] = {"task": "classification", "labels": labels} if labels else {"task": "regression"}
        write_manifest(folder, name=name, framework="tensorflow", **about, inputs=graph.inputs, outputs=graph.outputs)
    return models / name / folder.name


def _check(graph: SavedGraph, golden: Golden) -> None:
    """Raise `PackagingRefused` unless the graph gives the golden answers, to all rows together and to each alone."""
    known, wanted = [each["name"] for each in graph.outputs], [*golden.outputs]
    if unknown := sorted({*wanted} - {*known}):
        raise PackagingRefused(f"the golden outputs must be some of {known}, the graph's own, not {unknown}")
    asked = arrays(replace(golden, inputs=_with_bytes(golden.inputs)), graph.inputs)
    for rows in (slice(None), *(slice(row, row + 1) for row in range(golden.rows()))):
        answers = graph.run(wanted, {name: values[rows] for name, values in asked.items()})
        for name, got in zip(wanted, answers, strict=True):
            compare(name, golden.outputs[name][rows], _as_text(got), golden.tolerance)


def _with_bytes(value: Any) -> Any:
    """Return the rows with the bytes that {"b64": ...} stands for."""
    match value:
        case {"b64": str(text), **rest} if not rest:
            return base64.b64decode(text)
        case dict():
            return {name: _with_bytes(each) for name, each in value.items()}
        case list():
            return [_with_bytes(each) for each in value]
    return value


def _as_text(values: NDArray[Any]) -> NDArray[Any]:
    """Return bytes as texts."""
    if values.dtype != object:
        return values
    flat = [each.decode(errors="replace") if isinstance(each, bytes) else each for each in values.ravel()]
    return np.array(flat, object).reshape(values.shape)
