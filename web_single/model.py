"""One ONNX classifier, described by its own graph."""

from math import isfinite
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from .artifact import Artifact, ArtifactRefused, open_artifact
from .errors import ServiceError, first_error
from .settings import Settings

MODEL_FILE = "model.onnx"


class ModelRefused(ArtifactRefused, ServiceError):
    """The graph does not classify rows, or no longer does."""

    status = 503


class NoAnswer(ServiceError):
    """The model's result for a row is not a finite number. The message names the row."""

    status, reason = 422, "no_answer"


class Description(BaseModel):
    """What a manifest says about a model and its graph does not."""

    name: str
    labels: list[str]
    accuracy: dict[str, Any] = {}


def read_artifact(settings: Settings) -> Artifact:
    """Return the verified model version that the settings name, with its graph, or raise `ArtifactRefused`."""
    return open_artifact(settings.model_dir, settings.model_version, keep=[MODEL_FILE])


class Model:
    """Maps rows of `width` numbers of type `dtype` to one probability for each of `labels`."""

    def __init__(self, artifact: Artifact, threads: int = 1) -> None:
        """Load the graph and try it; raise `ArtifactRefused` if that fails."""
        try:
            described = Description.model_validate(artifact.manifest)
        except ValidationError as error:
            raise ArtifactRefused(f"{artifact.path}/manifest.json: {first_error(error)}") from None
        self.version, self.name, self.labels = artifact.version, described.name, described.labels
        self.accuracy, self.session = described.accuracy, _load(artifact, threads)
        self.inputs = [_describe(tensor) for tensor in self.session.get_inputs()]
        self.outputs = [_describe(tensor) for tensor in self.session.get_outputs()]
        self.input, self.dtype, self.width = _find_rows(self.inputs)
        self.output = _find_probabilities(self.outputs)
        # A row that any model can be tried with: an Iris flower, repeated or cut to the graph's width.
        self.sample: list[list[float]] = np.resize([5.1, 3.5, 1.4, 0.2], (1, self.width)).tolist()
        self.check()

    def probabilities(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return [n, labels] for [n, width], in order; raise `NoAnswer` if a row's numbers overflow the arithmetic."""
        result: NDArray[Any] = self.session.run([self.output], {self.input: rows})[0]
        # A sum of squares is finite only if each number is, and takes half the time of testing each.
        if not isfinite(np.vdot(result, result)):
            check_finite("probability", result)
        return result

    def check(self) -> None:
        """Raise `ModelRefused` unless two rows in give two rows out, with a number for each label."""
        try:
            shape = self.session.run([self.output], {self.input: np.array(self.sample * 2, self.dtype)})[0].shape
        except Exception as error:
            raise ModelRefused(f"{MODEL_FILE} fails on two rows: {error}") from error
        if shape != (2, len(self.labels)):
            raise ModelRefused(f"{MODEL_FILE} answers two rows with shape {shape}; the labels are {self.labels}")


def check_finite(name: str, result: NDArray[Any]) -> None:
    """Raise `NoAnswer` if a row of an output has a number that is not finite."""
    finite = np.isfinite(np.atleast_1d(result))
    if not finite.all():
        raise NoAnswer(f"data[{np.argwhere(~finite)[0][0]}]: the model has no finite {name} for these values")


def _load(artifact: Artifact, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 4  # errors are raised, not printed
    try:
        return onnxruntime.InferenceSession(artifact.files[MODEL_FILE], options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ArtifactRefused(f"{artifact.path / MODEL_FILE} cannot be loaded: {error}") from error


def _describe(tensor: Any) -> dict[str, Any]:
    dtype = tensor.type[7:-1] if tensor.type.startswith("tensor(") else tensor.type
    shape = [size if isinstance(size, int) else None for size in tensor.shape]
    return {"name": tensor.name, "dtype": {"float": "float32", "double": "float64"}.get(dtype, dtype), "shape": shape}


def _find_rows(inputs: list[dict[str, Any]]) -> tuple[str, str, int]:
    match inputs:
        case [{"name": name, "dtype": "float32" | "float64" as dtype, "shape": [None, int(width)]}]:
            return name, dtype, width
    raise ArtifactRefused(f"{MODEL_FILE} must take one float tensor of shape [null, width], not {inputs}")


def _find_probabilities(outputs: list[dict[str, Any]]) -> str:
    for output in outputs:
        if output["dtype"] in ("float32", "float64") and len(output["shape"]) == 2:
            return str(output["name"])
    raise ArtifactRefused(f"{MODEL_FILE} must give a float tensor [null, labels] (zipmap off), not {outputs}")
