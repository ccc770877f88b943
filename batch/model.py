"""The model: stored rows in, predictions out. A row that cannot be predicted fails alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NoSuchFile, NotImplemented
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from .artifact import Artifact, ArtifactRefused, open_artifact
from .errors import Exit, ServiceError, first_error
from .schemas import Predicted, Predictions, Row, wrong_width
from .settings import Settings

ROW = TypeAdapter(Row)
MODEL_FILE = "model.onnx"
UNLOADABLE = (Fail, InvalidGraph, InvalidProtobuf, NoSuchFile, NotImplemented)


class ModelRefused(ServiceError):
    """The artefact is missing, altered, or not a classifier that this ONNX Runtime can run."""

    exit_code = Exit.ARTEFACT


@dataclass(frozen=True)
class Model:
    """A loaded model version: its `onnxruntime.InferenceSession`, and `width`, the number of values in a row."""

    session: Any
    input_name: str
    width: int
    labels: list[str]
    version: int

    def predict(self, rows: Iterable[tuple[int, Any]]) -> Predictions:
        """Predict rows (id, values as JSON text) in one run of the model."""
        predictions, good = Predictions(), {}
        for row_id, text in rows:
            try:
                values = ROW.validate_json(text)
            except ValidationError as error:
                predictions.failed[row_id] = first_error(error, whole="")
                continue
            if fault := wrong_width(values, self.width):
                predictions.failed[row_id] = fault
            else:
                good[row_id] = values
        if good:
            self._run(good, predictions)
        return predictions

    def _run(self, good: Mapping[int, list[float]], predictions: Predictions) -> None:
        rows = np.array(list(good.values()), dtype=np.float32)
        try:
            classes, probabilities = self.session.run(["label", "probabilities"], {self.input_name: rows})
        except Exception as error:  # noqa: BLE001 - whatever a model raises fails the row that it raises for
            if len(good) == 1:
                predictions.failed[next(iter(good))] = f"the model raised {type(error).__name__}: {error}"
                return
            for row_id, values in good.items():
                self._run({row_id: values}, predictions)
            return
        finite = np.isfinite(probabilities).all(axis=1)
        for row_id, index, row, usable in zip(good, classes.tolist(), probabilities.tolist(), finite, strict=True):
            if usable:
                predictions.done.append(Predicted(row_id, to_json(row).decode(), self.labels[index]))
            else:
                predictions.failed[row_id] = "the model's probabilities are not finite"


def read_artifact(model_dir: Path, version: int | None = None, *keep: str) -> Artifact:
    """Return a verified artefact, with the bytes of the files in `keep`."""
    try:
        return open_artifact(model_dir, version, keep)
    except ArtifactRefused as error:
        raise ModelRefused(str(error)) from error


def load_model(settings: Settings) -> Model:
    """Load the verified model that the settings name."""
    return load(read_artifact(settings.model_dir, settings.model_version, MODEL_FILE))


def load(artifact: Artifact) -> Model:
    if artifact.manifest.get("framework") != "onnx":
        raise ModelRefused(f"{artifact.path} is not an ONNX model: {artifact.manifest.get('framework')}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # runners scale by processes; threads would compete for the same cores
    try:
        session = onnxruntime.InferenceSession(artifact.files[MODEL_FILE], options, ["CPUExecutionProvider"])
        entry, labels = artifact.manifest["inputs"][0], artifact.manifest["labels"]
        return Model(session, entry["name"], entry["shape"][1], labels, artifact.version)
    except (*UNLOADABLE, KeyError, IndexError, TypeError) as error:
        raise ModelRefused(f"{artifact.path} cannot be loaded: {type(error).__name__}: {error}") from error
