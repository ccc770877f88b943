"""Package a fitted estimator of scikit-learn, LightGBM or XGBoost, with its own answers as golden answers."""

import tempfile
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from ..golden import TOLERANCE
from ..manifest import ARTIFACTS
from .answers import Golden
from .columns import Columns, read_columns
from .conversion import convert
from .graph import MODEL_FILE, PackagingRefused, choose_output, one_line, read_graph
from .onnx_file import check_name, package_onnx
from .other_rows import mix
from .probes import check_missing, check_numbers
from .table import REFUSALS, Table, ask
from .text import check_texts
from .whole_numbers import check_whole_numbers

THRESHOLDS = (FixedThresholdClassifier, TunedThresholdClassifierCV)
CHECKS = (check_texts, check_missing, check_numbers)


@dataclass(frozen=True)
class Answers:
    """What an estimator answers: probabilities [n, labels] or values, and a classifier's classes and labels [n]."""

    values: NDArray[Any]
    classes: list[Any]
    predicted: list[str] | None


def package_estimator(
    model: Any,
    rows: Any,
    name: str,
    *,
    labels: list[str] | None = None,
    tolerance: float = TOLERANCE,
    models: Path = ARTIFACTS,
) -> Path:
    """Write the next version of a model, and return its folder, or raise `PackagingRefused` and write nothing.

    Args:
        model: a fitted estimator or pipeline.
        rows: at least 2 rows as the model takes them, better some hundred, with every label and with missing values
            where the model takes them. The graph must give the model's answer for each of them.
        labels: the names of the classes, in the order of `model.classes_`; None takes the classes themselves.
    """
    check_name(name)
    columns = read_columns(rows)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as that columns have no names
            answers, served = _ask(model, rows, labels)
    except (ValueError, TypeError, IndexError) as error:
        raise PackagingRefused(f"the model fails on the rows; give rows as it takes them: {one_line(error)}") from error
    # Most graphs compute in float32. Where that differs from the trainer, float64 is tried.
    try:
        return _package(model, rows, columns, answers, name, served, tolerance, models)
    except PackagingRefused as refusal:
        try:
            return _package(model, rows, columns.with_doubles(), answers, name, served, tolerance, models)
        except PackagingRefused:
            raise refusal from None


def _package(
    model: Any,
    rows: Any,
    columns: Columns,
    answers: Answers,
    name: str,
    labels: list[str] | None,
    tolerance: float,
    models: Path,
) -> Path:
    task = "regression" if labels is None else "classification"
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / MODEL_FILE
        converted = convert(model, columns, labels is not None)
        check_whole_numbers(model, converted, columns)
        source.write_bytes(converted.SerializeToString(deterministic=True))
        graph = read_graph(source.parent)
        output = choose_output(graph, task, None, len(answers.classes))
        inputs = {each["name"]: columns.values[each["name"]] for each in graph.inputs}
        golden = Golden(inputs, {output: answers.values}, answers.predicted, tolerance)
        table = Table(rows, columns)
        checks = [partial(check, model, graph, output, table, tolerance) for check in CHECKS]
        options: Any = {"task": task, "output": output, "labels": labels, "classes": answers.classes or None}
        options |= {"framework": type(model).__module__.split(".")[0], "models": models, "checks": checks}
        return package_onnx(source, name, golden, **options)


def _ask(model: Any, rows: Any, labels: list[str] | None) -> tuple[Answers, list[str] | None]:
    """Return what the model answers, and the labels to serve, or raise `PackagingRefused`."""
    kind = type(model).__name__
    if not hasattr(model, "__sklearn_tags__"):
        fix = "fit an estimator such as LGBMClassifier, XGBRegressor or a pipeline"
        raise PackagingRefused(f"{kind} does not have the interface of scikit-learn; {fix}")
    if is_regressor(model):
        if labels is not None:
            raise PackagingRefused(f"{kind} is a regressor, which has no labels; leave them out, or fit a classifier")
        return Answers(np.asarray(model.predict(rows)), [], None), None
    if not is_classifier(model):
        raise PackagingRefused(f"{kind} is neither a classifier nor a regressor; package one of them")
    predicted = np.asarray(model.predict(rows))
    if isinstance(model.classes_, list) or predicted.ndim > 1:
        raise PackagingRefused(f"{kind} gives several labels for each row; package one classifier for each of them")
    if not hasattr(model, "predict_proba"):
        raise PackagingRefused(f"{kind} has no probabilities; wrap it in CalibratedClassifierCV, or train it with them")
    classes = np.asarray(model.classes_).tolist()
    labels = [str(each) for each in (classes if labels is None else labels)]
    if len(labels) != len(classes):
        raise PackagingRefused(f"there are {len(labels)} labels for the classes {classes}; name each class once")
    _check_decision(model, rows)
    names = dict(zip(classes, labels, strict=True))
    own = [int(each) if isinstance(each, (bool, float)) else each for each in classes]  # as the converters write them
    return Answers(model.predict_proba(rows), own, [names[each] for each in predicted.tolist()]), labels


def _check_decision(model: Any, rows: Any) -> None:
    """Raise `PackagingRefused` if the label is not the first of the likeliest ones, in each row and in mixed rows."""
    table = Table(rows, read_columns(rows))
    for part in (rows, mix(table, table.numbers())):
        try:
            likeliest = np.asarray(model.classes_)[ask(model, part).argmax(axis=1)]
        except REFUSALS:
            continue  # the model does not take numbers between those of the rows
        if (likeliest != np.asarray(model.predict(part))).any() or isinstance(model, THRESHOLDS):
            fix = "package the estimator inside it, or calibrate it (CalibratedClassifierCV)"
            kind = type(model).__name__
            raise PackagingRefused(f"{kind} does not predict the label with the highest probability; {fix}")
