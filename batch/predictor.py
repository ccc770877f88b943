"""Stored rows in, predictions out. A row that cannot be predicted fails alone."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from .artifact import Artifact, ArtifactRefused, open_artifact
from .columns import Columns, column_reader  # optional: columns
from .errors import Exit, ServiceError, first_error
from .golden import check_golden  # optional: golden
from .model import Model
from .rows import STRICT, RowFormat
from .schemas import Predicted, Predictions
from .settings import Settings

Read = Callable[[Any], list[Any]]


class ArtefactUnusable(ServiceError):
    """The artefact is missing, altered, or not a model whose answers are known to be right."""

    exit_code = Exit.ARTEFACT


@dataclass(frozen=True)
class Predictor:
    """A loaded model version; `session` is its `onnxruntime.InferenceSession`, `read` reads rows from JSON text."""

    model: Model
    session: Any
    read: Read
    version: int

    def predict(self, rows: Iterable[tuple[int, Any]]) -> Predictions:
        """Predict rows (id, values as JSON text) in one run of the model."""
        predictions, good = Predictions(), {}
        for row_id, text in rows:
            try:
                good[row_id] = self.read(text)
            except ValidationError as error:
                predictions.failed[row_id] = why_invalid(error)
        if good:
            self._run(good, predictions)
        return predictions

    def _run(self, good: Mapping[int, list[Any]], predictions: Predictions) -> None:
        try:
            (answers,) = self.session.run([self.model.output], self.model.row_format.arrays(list(good.values())))
        except Exception as error:  # noqa: BLE001 - whatever a model raises fails the row that it raises for
            if len(good) == 1:
                predictions.failed[next(iter(good))] = f"the model raised {type(error).__name__}: {error}"
                return
            for row_id, values in good.items():
                self._run({row_id: values}, predictions)
            return
        numbers, labels = answers.reshape(len(good), -1), self.model.labels
        likeliest, finite = numbers.argmax(axis=1).tolist(), np.isfinite(numbers).all(axis=1)
        for row_id, row, index, usable in zip(good, numbers.tolist(), likeliest, finite, strict=True):
            if not usable:
                predictions.failed[row_id] = "the model's answer is not finite"
            elif self.model.task == "classification":
                predictions.done.append(Predicted(row_id, to_json(row).decode(), labels[index]))
            else:
                predictions.done.append(Predicted(row_id, to_json(row if row[1:] else row[0]).decode(), None))


def why_invalid(error: ValidationError) -> str:
    """Return what is wrong with a row: a value, or the number of values."""
    first = error.errors(include_url=False)[0]
    if first["type"] in ("too_short", "too_long") and not first["loc"]:
        limits = first["ctx"]
        return f"{limits['actual_length']} values, the model takes {limits.get('min_length', limits.get('max_length'))}"
    return first_error(error, whole="")


def read_artifact(model_dir: Path, version: int | None = None, keep: Collection[str] | None = ()) -> Artifact:
    """Return a verified artefact, with the bytes of the files in `keep` (None: all)."""
    try:
        return open_artifact(model_dir, version, keep)
    except ArtifactRefused as error:
        raise ArtefactUnusable(str(error)) from error


def load_model(settings: Settings) -> Predictor:
    """Load and try the verified model that the settings name."""
    return load(read_artifact(settings.model_dir, settings.model_version, keep=None))


def load(artifact: Artifact) -> Predictor:
    row_format, reader = row_kinds()
    try:
        # One thread: runners scale by processes, and more threads would compete for the same cores.
        model = Model(artifact, 1, row_format)
        check_golden(model, artifact)  # optional: golden
        model.check()
    except ArtifactRefused as error:
        raise ArtefactUnusable(" ".join(str(error).split())) from error
    return Predictor(model, model.session, reader(model.row_format), model.version)


def row_reader(manifest: dict[str, Any]) -> Read:
    """Return what reads a row of the model that a manifest describes. The model is not loaded."""
    row_format, reader = row_kinds()
    try:
        described = manifest["inputs"]
        inputs = [{name: each[name] for name in ("name", "dtype", "shape")} for each in described]
        return reader(row_format(inputs, described))
    except (ArtifactRefused, KeyError, TypeError) as error:
        raise ArtefactUnusable(f"manifest.json: inputs: {error!r}") from error


def row_kinds() -> tuple[type[RowFormat], Callable[[Any], Read]]:
    """Return what describes the rows of a model, and what makes a function that reads one from JSON text."""
    kinds: tuple[type[RowFormat], Callable[[Any], Read]] = RowFormat, list_reader
    kinds = Columns, column_reader  # optional: columns
    return kinds


def list_reader(rows: RowFormat) -> Read:
    """Return what reads a list of numbers from JSON text; it raises `ValidationError`."""
    return TypeAdapter(rows.row, config=STRICT).validate_json
