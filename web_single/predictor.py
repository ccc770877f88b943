"""One ONNX classifier, described by its own graph."""

from math import isfinite
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state
from pydantic import BaseModel, ValidationError

from .artifact import Artifact, ArtifactRefused
from .verified import MODEL_FILE, Model

SAME = ("bool", "float16", "int8", "int16", "int32", "int64", "string", "uint8", "uint16", "uint32", "uint64")
DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64"} | {f"tensor({name})": name for name in SAME}
# ONNX Runtime's errors share no base class of their own, so they are listed.
ONNX_ERRORS: tuple[type[Exception], ...] = tuple(
    error
    for error in vars(onnxruntime_pybind11_state).values()
    if isinstance(error, type) and issubclass(error, Exception)
)


class NoAnswer(Exception):
    """What the model computed for a row is not a number; the message names the row."""


class Described(BaseModel):
    """What a manifest says of a model that its graph does not."""

    name: str
    labels: list[str]
    accuracy: dict[str, Any] = {}


class Predictor:
    """Rows of `width` numbers of type `dtype` to one probability for each of `labels`, or ArtifactRefused."""

    def __init__(self, model: Model, threads: int = 1) -> None:
        artifact = model.artifact
        self.version, described = artifact.version, _described(artifact)
        self.name, self.labels, self.accuracy = described.name, described.labels, described.accuracy
        self._session = _load(model, threads)
        self.inputs = [_describe(tensor) for tensor in self._session.get_inputs()]
        self.outputs = [_describe(tensor) for tensor in self._session.get_outputs()]
        self._input, self.dtype, self.width = _rows(self.inputs)
        self._output = _probabilities(self.outputs)
        # An Iris flower, repeated or cut to this graph's width: a row that any model can be tried with.
        self.sample: list[list[float]] = np.resize([5.1, 3.5, 1.4, 0.2], (1, self.width)).tolist()
        self.check()

    def probabilities(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return [n, labels] for [n, width], in order.

        Raises:
            NoAnswer: the numbers of a row are so large that the model's arithmetic overflows.
        """
        result = self._run(rows)
        # A sum of squares is finite only if each number is, and takes half the time of asking each.
        if not isfinite(np.vdot(result, result)):
            _check_finite("probability", result)
        return result

    def outputs_for(self, rows: NDArray[Any], names: list[str]) -> dict[str, NDArray[Any]]:
        """Return the named outputs of the graph for [n, width], and its probabilities in any case.

        Raises:
            NoAnswer: as above, and for every output that was asked for.
        """
        wanted = list(dict.fromkeys([self._output, *names]))
        results = dict(zip(wanted, self._session.run(wanted, {self._input: rows}), strict=True))
        for name, result in results.items():
            if result.dtype.kind == "f":
                _check_finite(name, result)
        return results

    def likeliest(self, probabilities: NDArray[Any]) -> list[str]:
        """Return the label with the highest probability for each row."""
        return [self.labels[index] for index in probabilities.argmax(axis=1)]

    def check(self) -> None:
        """Raise `ArtifactRefused` unless two rows in give two rows out, with a number for each label."""
        try:
            shape = self._run(np.array(self.sample * 2, self.dtype)).shape
        except ONNX_ERRORS as error:
            raise ArtifactRefused(f"{MODEL_FILE} fails on two rows: {error}") from error
        if shape != (2, len(self.labels)):
            raise ArtifactRefused(f"{MODEL_FILE} answers two rows with shape {shape}; the labels are {self.labels}")

    def _run(self, rows: NDArray[Any]) -> NDArray[Any]:
        result: NDArray[Any] = self._session.run([self._output], {self._input: rows})[0]
        return result


def _check_finite(name: str, result: NDArray[Any]) -> None:
    finite = np.isfinite(np.atleast_1d(result))
    if not finite.all():
        raise NoAnswer(f"data[{np.argwhere(~finite)[0][0]}]: the model has no finite {name} for these values")


def _described(artifact: Artifact) -> Described:
    try:
        return Described.model_validate(artifact.manifest)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ArtifactRefused(f"{artifact.path}/manifest.json: {where}: {fault['msg']}") from None


def _load(model: Model, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 4  # what goes wrong is raised, not printed
    try:
        return onnxruntime.InferenceSession(model.graph, options, providers=["CPUExecutionProvider"])
    except ONNX_ERRORS as error:
        raise ArtifactRefused(f"{model.artifact.path / MODEL_FILE} cannot be loaded: {error}") from error


def _describe(tensor: Any) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else None for size in tensor.shape]
    return {"name": tensor.name, "dtype": DTYPES.get(tensor.type, tensor.type), "shape": shape}


def _rows(inputs: list[dict[str, Any]]) -> tuple[str, str, int]:
    match inputs:
        case [{"name": name, "dtype": "float32" | "float64" as dtype, "shape": [None, int(width)]}]:
            return name, dtype, width
    raise ArtifactRefused(f"{MODEL_FILE} must take one float tensor of shape [null, width], not {inputs}")


def _probabilities(outputs: list[dict[str, Any]]) -> str:
    for output in outputs:
        if output["dtype"] in ("float32", "float64") and len(output["shape"]) == 2:
            return str(output["name"])
    raise ArtifactRefused(f"{MODEL_FILE} must give a float tensor [null, labels] (zipmap off), not {outputs}")
