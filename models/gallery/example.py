"""What an example of the gallery is: a trained model, and rows that it was not packaged with."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..package.answers import Golden
from ..package.estimator import package_estimator
from ..package.onnx_file import package_onnx


@dataclass(frozen=True)
class Trained:
    """A model after training.

    Attributes:
        package: writes its next version into a folder for models, and returns the version's folder.
        rows: rows to ask it, which the package does not contain.
        answers: the training framework's answers: probabilities [n, labels], or values [n] or [n, k].
        labels: of a classifier, what the training framework predicts [n].
    """

    package: Callable[[Path], Path]
    rows: Any
    answers: NDArray[Any] = field(default_factory=lambda: np.zeros(0))
    labels: list[str] | None = None


def estimator(name: str, model: Any, rows: Any, labels: list[str] | None = None) -> Trained:
    """Return a fitted estimator as an example; every second row goes into its package."""
    kept, asked = (rows.iloc[::2], rows.iloc[1::2]) if hasattr(rows, "iloc") else (rows[::2], rows[1::2])
    package = partial(_package, model, kept, name, labels)
    if hasattr(model, "predict_proba") and not isinstance(model.classes_, list):
        names = dict(zip(model.classes_.tolist(), labels or map(str, model.classes_), strict=True))
        predicted = [names[each] for each in model.predict(asked).tolist()]
        return Trained(package, asked, model.predict_proba(asked), predicted)
    return Trained(package, asked, model.predict(asked) if hasattr(model, "predict") else np.zeros(0))


def _package(model: Any, rows: Any, name: str, labels: list[str] | None, models: Path) -> Path:
    return package_estimator(model, rows, name, labels=labels, models=models)


def onnx_file(
    name: str, write: Callable[[Path], None], golden: Golden, rows: Any, answers: Any, labels: Any
) -> Trained:
    """Return as an example a model that `write` exports to an ONNX file."""

    def package(models: Path) -> Path:
        with tempfile.TemporaryDirectory() as scratch:
            write(Path(scratch) / "net.onnx")
            return package_onnx(Path(scratch) / "net.onnx", name, golden, models=models)

    return Trained(package, rows, answers, labels)
