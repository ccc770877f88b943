"""Package every classifier and regressor of scikit-learn, and compare what is served with the estimator."""

import argparse
import re
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from sklearn.datasets import load_iris
from sklearn.utils import all_estimators
from sklearn.utils._test_common.instance_generator import _construct_instances

from ..package.estimator import package_estimator
from ..package.graph import PackagingRefused

KINDS = ("classifier", "regressor")
WRONG = "WRONG"
TOLERANCE = 1e-4


def names() -> list[str]:
    """Return the names of all classifiers and regressors."""
    return sorted({name for kind in KINDS for name, _ in all_estimators(type_filter=kind)})


def survey(chosen: list[str]) -> dict[str, str]:
    """Return for each of the named estimators "served right", the reason for its refusal, or what is wrong."""
    kinds = {name: (kind, each) for kind in KINDS for name, each in all_estimators(type_filter=kind)}
    with tempfile.TemporaryDirectory() as models, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: _try(name, *kinds[name], Path(models)) for name in chosen}


def reason(result: str) -> str:
    """Return the kind of a result, by which results are counted."""
    for kind in (
        "no probabilities",
        "cannot be converted",
        "several labels",
        "the trainer answers",
        "graph fails",
        "does not predict",
    ):
        if kind in result:
            return f"refused: {kind}"
    return re.sub("[0-9'].*", "", result).strip()


def _try(name: str, kind: str, estimator: Any, models: Path) -> str:
    rows, target, asked = _data(name, kind)
    model = _train(estimator, rows, target)
    try:
        folder = package_estimator(model, rows, name, models=models)
    except PackagingRefused as error:
        return f"refused: {error}"
    expected = model.predict_proba(asked) if kind == "classifier" else model.predict(asked)
    got = _ask(folder, asked)
    if kind == "classifier" and not _same_labels(model, got, asked):
        return f"{WRONG}: another label"
    if got.size == expected.size and np.allclose(got.reshape(expected.shape), expected, TOLERANCE, TOLERANCE):
        return "served right"
    return f"{WRONG}: {np.abs(got.reshape(expected.shape) - expected).max():.3g}"


def _same_labels(model: Any, probabilities: NDArray[Any], rows: NDArray[Any]) -> bool:
    """Return whether the highest probability is that of the predicted label, except where two are equally high."""
    labels = model.classes_[probabilities.argmax(axis=1)]
    best = np.sort(probabilities, axis=1)
    return bool(((labels == model.predict(rows)) | (best[:, -1] - best[:, -2] < 2 * TOLERANCE)).all())


def _train(estimator: Any, rows: NDArray[Any], target: NDArray[Any]) -> Any:
    """Return the estimator fitted to a target that it takes: one column, two columns, or two classes."""
    targets = (target, np.c_[target, target[::-1]], np.minimum(target, 1).astype(int))
    for each in targets:
        try:
            return next(iter(_construct_instances(estimator))).fit(rows, each)
        except (ValueError, IndexError) as error:
            failure = error
    raise failure


def _data(name: str, kind: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return rows [150, 4] and a target [150] to train with, and rows [300, 4] to ask; all values are positive."""
    rows, classes = load_iris(return_X_y=True)
    rows, draw = rows.astype(np.float32), np.random.default_rng(0)
    target = classes if kind == "classifier" else rows[:, 0] * 3 + rows[:, 2] ** 2
    one, other, share = draw.integers(0, 150, 300), draw.integers(0, 150, 300), draw.random((300, 1))
    asked = np.where(draw.random((300, 1)) < 0.7, rows[one], rows[one] * share + rows[other] * (1 - share))
    asked = asked + draw.normal(0, 0.02, asked.shape)
    if name == "CategoricalNB":
        rows, asked = rows.round(), np.clip(asked.round(), rows.round().min(axis=0), rows.round().max(axis=0))
    if name == "IsotonicRegression":
        rows, asked = rows[:, :1], asked[:, :1]
    return rows, target, np.maximum(asked, 0).astype(np.float32)


def _ask(folder: Path, rows: NDArray[Any]) -> NDArray[Any]:
    """Return what the packaged graph answers as the output that is served."""
    output = re.search(r'"output": "(.*?)"', (folder / "manifest.json").read_text())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, not printed
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    kind = np.float64 if given.type == "tensor(double)" else np.float32
    return np.asarray(session.run([output[1] if output else ""], {given.name: rows.astype(kind)})[0])


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each estimator, and the counts; return 1 if an estimator is served wrong."""
    parser = argparse.ArgumentParser("python -m models.gallery.estimators", description=__doc__)
    parser.add_argument("names", nargs="*", help="estimators to try (default: all)")
    results = survey(parser.parse_args(arguments).names or names())
    for name, result in results.items():
        print(f"{name:34}{result[:150]}")
    for kind, count in Counter(map(reason, results.values())).most_common():
        print(f"{count:4}  {kind}")
    return int(any(result.startswith(WRONG) for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
