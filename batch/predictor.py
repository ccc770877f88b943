"""The model: rows as they are stored in, predictions out, each row on its own feet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NoSuchFile, NotImplemented
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from .artifact import Artifact, ArtifactRefused
from .schemas import Row, first_error, wrong_width

ROW = TypeAdapter(Row)
MODEL_FILE = "model.onnx"
OUTPUTS = ["label", "probabilities"]
UNLOADABLE = (Fail, InvalidGraph, InvalidProtobuf, NoSuchFile, NotImplemented)


class Scored(NamedTuple):
    """One predicted row; `prediction` is the JSON list of its float32 probabilities, with all digits."""

    id: int
    prediction: str
    label: str


@dataclass
class Scores:
    """What came of a chunk: every row is in one of the two."""

    done: list[Scored] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Predictor:
    """A loaded model version: its `onnxruntime.InferenceSession`, and `width`, the number of values in a row."""

    session: Any
    input_name: str
    width: int
    labels: list[str]
    version: int

    def score(self, rows: Iterable[tuple[int, Any]]) -> Scores:
        """Predict rows (id, values as JSON text) in one run of the model; a row that cannot be predicted says why."""
        scores, good = Scores(), {}
        for row_id, text in rows:
            try:
                values = ROW.validate_json(text)
            except ValidationError as error:
                scores.failed[row_id] = first_error(error.errors())
                continue
            if fault := wrong_width(values, self.width):
                scores.failed[row_id] = fault
            else:
                good[row_id] = values
        if good:
            self._run(good, scores)
        return scores

    def _run(self, good: Mapping[int, list[float]], scores: Scores) -> None:
        rows = np.array(list(good.values()), dtype=np.float32)
        try:
            classes, probabilities = self.session.run(OUTPUTS, {self.input_name: rows})
        except Exception as error:  # noqa: BLE001 - whatever a model raises must cost no more than the row it raises for
            if len(good) == 1:
                scores.failed[next(iter(good))] = f"the model raised {type(error).__name__}: {error}"
                return
            for row_id, values in good.items():
                self._run({row_id: values}, scores)
            return
        finite = np.isfinite(probabilities).all(axis=1)
        for row_id, index, row, usable in zip(good, classes.tolist(), probabilities.tolist(), finite, strict=True):
            if usable:
                scores.done.append(Scored(row_id, to_json(row).decode(), self.labels[index]))
            else:
                scores.failed[row_id] = "the model's probabilities are not finite"


def load(artifact: Artifact) -> Predictor:
    """Load a verified ONNX artefact.

    Raises:
        ArtifactRefused: it is not an ONNX classifier that this ONNX Runtime can run.
    """
    if artifact.manifest.get("framework") != "onnx":
        raise ArtifactRefused(f"{artifact.path} is not an ONNX model: {artifact.manifest.get('framework')}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # runners scale by processes; threads would fight over the same cores
    try:
        session = onnxruntime.InferenceSession(artifact.files[MODEL_FILE], options, ["CPUExecutionProvider"])
        entry, labels = artifact.manifest["inputs"][0], artifact.manifest["labels"]
        return Predictor(session, entry["name"], entry["shape"][1], labels, artifact.version)
    except (*UNLOADABLE, KeyError, IndexError, TypeError) as error:
        raise ArtifactRefused(f"{artifact.path} cannot be loaded: {type(error).__name__}: {error}") from error
