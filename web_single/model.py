"""One ONNX model, described by its graph and its manifest: arrays by name in, one answer for each row out.

Twin: web_single and batch hold this file byte for byte, so that both give the same answers.
"""

from collections.abc import Callable
from math import isfinite
from typing import Annotated, Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from .artifact import Artifact, ArtifactRefused
from .errors import ServiceError, first_error
from .rows import Arrays, RowFormat

MODEL_FILE = "model.onnx"
Run = Callable[[list[str], Arrays], list[NDArray[Any]]]


class ModelRefused(ArtifactRefused, ServiceError):
    """The graph does not give an answer for each row, or no longer does."""

    status = 503


class NoAnswer(ServiceError):
    """The model has no answer for the values of a row. The message names the row."""

    status, reason = 422, "no_answer"

    def __init__(self, row: int, why: str) -> None:
        super().__init__(f"data[{row}]: {why}")
        self.row, self.why = row, why


class Description(BaseModel):
    """What a manifest says about a model that the graph does not."""

    name: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # a part of a URL
    task: Literal["classification", "regression"] = "classification"
    labels: list[str] = []
    accuracy: dict[str, Any] = {}
    inputs: list[dict[str, Any]] = []
    output: str | None = None  # None: the only float output
    sample: list[Any] | dict[str, Any] | None = None


class Model:
    """Maps rows to the output `output`: a probability for each of `labels`, or the values of a regressor."""

    def __init__(self, artifact: Artifact, threads: int = 1, row_format: type[RowFormat] = RowFormat) -> None:
        """Load the graph, or raise `ArtifactRefused`. `row_format` describes its inputs, and `check` tries it."""
        try:
            described = Description.model_validate(artifact.manifest)
        except ValidationError as error:
            raise ArtifactRefused(f"{artifact.path}/manifest.json: {first_error(error)}") from None
        self.name, self.version, self.task = described.name, artifact.version, described.task
        self.labels, self.accuracy = described.labels, described.accuracy
        self.session = _load(artifact, threads)
        self.run: Run = self.session.run  # an optional part may wrap it
        self.inputs = [_describe(tensor) for tensor in self.session.get_inputs()]
        self.outputs = [_describe(tensor) for tensor in self.session.get_outputs()]
        self.output = _find_output(self.outputs, described.output)
        self.row_format = row_format(self.inputs, described.inputs)
        self.sample = described.sample or self.row_format.example

    def predict(self, rows: Arrays) -> NDArray[Any]:
        """Return probabilities [n, labels], or values [n] or [n, k]; raise `NoAnswer` if a row has no answer."""
        (result,) = self.run([self.output], rows)
        if result.shape[:1] != (count := len(next(iter(rows.values()))),):
            raise ModelRefused(f"{MODEL_FILE} answers {count} rows with shape {result.shape}")
        # A sum of squares is finite only if each number is, and takes half the time of testing each.
        if not isfinite(np.vdot(result, result)):
            check_finite("value" if self.task == "regression" else "probability", result)
        return result.ravel() if self.task == "regression" and result.shape[1:] == (1,) else result

    def check(self) -> None:
        """Raise `ModelRefused` unless two rows get two answers, each with a number for each label."""
        try:
            shape = self.run([self.output], self.row_format.arrays([self.sample] * 2))[0].shape
        except Exception as error:
            fix = f"set `sample` in manifest.json to a row that it takes, not {str(self.sample)[:99]}"
            raise ModelRefused(f"{MODEL_FILE} fails on two rows; {fix}: {error}") from error
        if shape != (2, len(self.labels)) if self.task == "classification" else shape != (2, *shape[1:2]):
            raise ModelRefused(f"{MODEL_FILE} answers two rows with shape {shape}; the labels are {self.labels}")


def check_finite(name: str, result: NDArray[Any]) -> None:
    """Raise `NoAnswer` if a row of an output has a number that is not finite."""
    finite = np.isfinite(np.atleast_1d(result))
    if not finite.all():
        raise NoAnswer(int(np.argwhere(~finite)[0][0]), f"the model has no finite {name} for these values")


def _load(artifact: Artifact, threads: int) -> Any:
    """Return a session from the bytes that were verified: the graph, and each file that holds its weights."""
    options, files = onnxruntime.SessionOptions(), artifact.files
    if MODEL_FILE not in files:
        fix = "list it under `files`, as `python -m models.package` does"
        raise ArtifactRefused(f"{artifact.path}/manifest.json has no sha256 for {MODEL_FILE}; {fix}")
    options.intra_op_num_threads, options.log_severity_level = threads, 4  # errors are raised, not printed
    # Weights come from these files alone. Without this, others would be read from the working directory.
    options.add_external_initializers_from_files_in_memory([*files], [*files.values()], [*map(len, files.values())])
    try:
        return onnxruntime.InferenceSession(files[MODEL_FILE], options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ArtifactRefused(f"{artifact.path / MODEL_FILE} cannot be loaded from its `files`: {error}") from error


def _describe(tensor: Any) -> dict[str, Any]:
    dtype = tensor.type[7:-1] if tensor.type.startswith("tensor(") else tensor.type
    shape = [size if isinstance(size, int) else None for size in tensor.shape]
    return {"name": tensor.name, "dtype": {"float": "float32", "double": "float64"}.get(dtype, dtype), "shape": shape}


def _find_output(outputs: list[dict[str, Any]], named: str | None) -> str:
    """Return the name of the output that is the answer: the one that the manifest names, or the only float output."""
    floats = [str(each["name"]) for each in outputs if each["dtype"] in ("float32", "float64")]
    found = [name for name in floats if named in (None, name)]
    if len(found) != 1:
        fix = "name one as `output` in manifest.json, turn zipmap off, cast other types to float32"
        raise ArtifactRefused(f"{MODEL_FILE} must have one float output; {fix}; it has {outputs}")
    return found[0]
