"""Package an ONNX file: the graph with its weights, a manifest, golden answers and a sample."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..golden import write_golden
from ..manifest import ARTIFACTS, new_version, write_manifest
from .answers import Golden, arrays, choose_rows
from .classifier import Labels, check_classifier
from .comparison import check_independence, compare
from .graph import Arrays, Graph, PackagingRefused, choose_output, copy_graph, find_label_output, read_graph

NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")


def package_onnx(
    source: Path,
    name: str,
    golden: Golden,
    *,
    task: str | None = None,
    output: str | None = None,
    labels: list[str] | None = None,
    classes: list[Any] | None = None,
    framework: str = "onnx",
    models: Path = ARTIFACTS,
    checks: Sequence[Callable[[], None]] = (),
) -> Path:
    """Write the next version of a model, and return its folder, or raise `PackagingRefused` and write nothing.

    Args:
        source: the ONNX file; files with its weights are beside it.
        golden: at least 2 rows with the answers of the trainer. Every row is checked, some are kept.
        task: "classification" or "regression"; None means classification if the golden rows have labels.
        output: the output that is served; None takes the only possible one.
        labels: in the order of the probabilities; None takes them from the golden rows.
        classes: the values of the graph's own label for `labels`; None takes them from its answers.
        checks: raise `PackagingRefused` for other faults, after the golden rows have been compared.
    """
    check_name(name)
    task = task or ("classification" if golden.labels else "regression")
    with new_version(models, name, None) as folder:
        copy_graph(source, folder)
        graph = read_graph(folder)
        rows = arrays(golden, graph.inputs)
        output = choose_output(graph, task, output, len(labels) if labels else None)
        own = find_label_output(graph) if task == "classification" else None
        checked = _check(graph, golden, rows, task, output, own, labels, classes)
        for check in checks:
            check()
        described = {"name": name, "framework": framework, "task": task, "output": output, "label_output": own}
        _write(folder, graph, golden, rows, checked, described)
    return models / name / folder.name


def check_name(name: str) -> None:
    """Raise `PackagingRefused` unless a model's name can be a part of a URL."""
    if not NAME.fullmatch(name):
        raise PackagingRefused(f"{name!r} is not a valid name; use letters, digits, '.', '_' and '-' (--name)")


def _check(
    graph: Graph,
    golden: Golden,
    rows: Arrays,
    task: str,
    output: str,
    own: str | None,
    labels: list[str] | None,
    classes: list[Any] | None,
) -> Labels | None:
    """Compare the graph with the trainer in every row; return the labels of a classifier."""
    names = {each["name"] for each in graph.outputs}
    if output not in golden.outputs or not set(golden.outputs) <= names:
        raise PackagingRefused(f"the golden outputs must be of {sorted(names)}, and {output!r} among them")
    wanted = [*dict.fromkeys([output, *golden.outputs, *([own] if own else [])])]
    results = dict(zip(wanted, _run(graph, wanted, rows), strict=True))
    if task == "classification" and results[output].shape[1:] in ((), (1,)):
        check_classifier(golden, results[output], None, labels, classes)  # names the remedy before the shapes differ
    for each, expected in golden.outputs.items():
        compare(each, expected, results[each], golden.tolerance)
    if not np.isfinite(results[output]).all():
        raise PackagingRefused(f"{output!r} is not finite in every row; leave rows out that the model cannot answer")
    check_independence(graph, output, rows, results[output], golden.tolerance)
    if task == "regression":
        return None
    return check_classifier(golden, results[output], results[own] if own else None, labels, classes)


def _write(
    folder: Path, graph: Graph, golden: Golden, rows: Arrays, labels: Labels | None, described: dict[str, Any]
) -> None:
    """Write the golden answers and the manifest."""
    kept = golden.pick(choose_rows(golden, rows))
    write_golden(folder, inputs=kept.inputs, outputs=kept.outputs, labels=kept.labels, tolerance=golden.tolerance)
    missing = {name for name, values in rows.items() if values.dtype.kind == "f" and np.isnan(values).any()}
    if labels:
        described |= {"labels": labels.served} | ({"classes": labels.classes} if labels.classes else {})
    write_manifest(
        folder,
        **described,
        inputs=[each | ({"missing": True} if each["name"] in missing else {}) for each in graph.inputs],
        outputs=graph.outputs,
        sample=_sample(graph, arrays(kept, graph.inputs)),
    )


def _run(graph: Graph, names: list[str], rows: Arrays) -> list[NDArray[Any]]:
    try:
        return graph.run(names, rows)
    except PackagingRefused as error:
        try:
            graph.run(names, {name: values[:1] for name, values in rows.items()})
        except PackagingRefused:
            raise error from None
        fix = (
            "export it with a free first dimension (PyTorch: dynamic_shapes), and leave out rows that it cannot answer"
        )
        raise PackagingRefused(
            f"the graph answers one row, but not all together (a fixed batch size?); {fix}"
        ) from error


def _sample(graph: Graph, rows: Arrays) -> list[Any]:
    """Return the first row as a request has it: its columns in the order of the inputs, missing numbers as null."""
    values = [value for each in graph.inputs for value in rows[each["name"]][:1].ravel().tolist()]
    return [None if value != value else value for value in values]
