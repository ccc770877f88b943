"""Read an ONNX file and describe its inputs and outputs, or refuse what no service can serve."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from ..manifest import BuildFailed

MODEL_FILE = "model.onnx"
SERVED = re.compile(r"float(16|32|64)|u?int(8|16|32|64)|bool|string")
Tensor = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


class PackagingRefused(BuildFailed):
    """The model cannot be served right; the message is the reason and the remedy, in one line."""


@dataclass(frozen=True)
class Graph:
    """An ONNX graph that was loaded from a version's folder; tensors are {name, dtype, shape}."""

    session: onnxruntime.InferenceSession
    inputs: list[Tensor]
    outputs: list[Tensor]

    def run(self, names: list[str], rows: Arrays) -> list[NDArray[Any]]:
        """Return the outputs `names` for rows by input name, or raise `PackagingRefused`."""
        try:
            return [np.asarray(result) for result in self.session.run(names, rows)]
        except Exception as error:
            fix = "leave out rows that it cannot answer, or export it otherwise"
            raise PackagingRefused(f"the graph fails on the golden rows; {fix}: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """Return the message of an error in at most 300 characters."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def copy_graph(source: Path, folder: Path) -> None:
    """Copy an ONNX file, as `model.onnx`, and the files that hold its weights into a version's folder."""
    try:
        model = onnx.load(source, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise PackagingRefused(f"{source} is not an ONNX file that can be read: {one_line(error)}") from error
    shutil.copyfile(source, folder / MODEL_FILE)
    for name in sorted(set(_external_files(model))):
        if Path(name).name != name or name in (MODEL_FILE, "manifest.json", "golden.json"):
            fix = 'save it again, with onnx.save(..., location="model.onnx.data")'
            raise PackagingRefused(f"{source.name} keeps weights in {name!r}, a name that is not free; {fix}")
        if not (source.parent / name).is_file():
            raise PackagingRefused(f"{source.name} keeps weights in {name!r}; put this file beside {source}")
        shutil.copyfile(source.parent / name, folder / name)


def read_graph(folder: Path) -> Graph:
    """Load the graph in a version's folder, or raise `PackagingRefused` if its inputs or outputs cannot be served."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4  # errors are raised, not printed
    try:
        session = onnxruntime.InferenceSession(folder / MODEL_FILE, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        fix = "; train with lowercase=False in the vectorizer" if "locale" in str(error).lower() else ""
        raise PackagingRefused(f"ONNX Runtime cannot load the graph: {one_line(error)}{fix}") from error
    inputs = [_describe(tensor) for tensor in session.get_inputs()]
    if not inputs:
        raise PackagingRefused("the graph has no input; export it with the rows as an input")
    for tensor in inputs:
        check_input(tensor)
    return Graph(session, inputs, [_describe(tensor) for tensor in session.get_outputs()])


def choose_output(graph: Graph, task: str, output: str | None, count: int | None) -> str:
    """Return the name of the output to serve: the one that is named, or the only possible one.

    Args:
        count: the number of labels of a classifier, if it is known.
    """
    if output and output not in (names := [each["name"] for each in graph.outputs]):
        raise PackagingRefused(f"the graph has no output {output!r}; it has {', '.join(names)}")
    ranks = (2,) if task == "classification" else (1, 2)
    named = [each for each in graph.outputs if output in (None, each["name"])]
    found = [each for each in named if each["dtype"] in ("float32", "float64") and len(each["shape"]) in ranks]
    if len(found) > 1 and task == "classification":
        found = [each for each in found if each["shape"][1] in (None, count)] if count else found
    if len(found) == 1:
        return str(found[0]["name"])
    if found:
        several = ", ".join(each["name"] for each in found)
        raise PackagingRefused(f"several outputs can be the answer: {several}; name one (--output)")
    if any(each["dtype"].startswith("seq") for each in named):
        fix = 'convert it with options={id(model): {"zipmap": False}}'
        raise PackagingRefused(f"the probabilities are a list of dictionaries (ZipMap); {fix}")
    wanted = "probabilities [rows, labels]" if task == "classification" else "values [rows]"
    fix = "export one that does, such as a Cast of float16 to float32"
    raise PackagingRefused(f"no output holds {wanted} as float32 or float64; {fix}: {json.dumps(named)}")


def find_label_output(graph: Graph) -> str | None:
    """Return the name of the output with the graph's own label of each row, if there is exactly one."""
    whole = [each for each in graph.outputs if each["dtype"] in ("int64", "int32", "string")]
    found = [each["name"] for each in whole if each["shape"][1:] in ([], [1])]
    return found[0] if len(found) == 1 else None


def numpy_type(dtype: str) -> Any:
    """Return the type of an array for a type of ONNX."""
    return object if dtype == "string" else dtype


def check_input(tensor: Tensor) -> None:
    """Raise `PackagingRefused` unless a tensor can hold rows."""
    name, dtype, shape = tensor["name"], tensor["dtype"], tensor["shape"]
    if shape[:1] != [None] or None in shape[1:] or 0 in shape[1:]:
        fix = "export it with a free first dimension for the rows and no other (PyTorch: dynamic_shapes)"
        kind = "a fixed batch size" if shape and shape[0] is not None else "free dimensions"
        raise PackagingRefused(f"input {name!r} has {kind}, the shape {json.dumps(shape)}; {fix}")
    if not SERVED.fullmatch(dtype):
        raise PackagingRefused(f"input {name!r} is {dtype}; export it as numbers, bool or string")


def _describe(tensor: Any) -> Tensor:
    dtype = tensor.type[7:-1] if tensor.type.startswith("tensor(") else tensor.type
    shape = [size if isinstance(size, int) else None for size in tensor.shape]
    dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    return {"name": tensor.name, "dtype": dtype, "shape": shape}


def _external_files(message: Any) -> Iterator[str]:
    """Yield the name of the file of each tensor whose values are outside the graph, in subgraphs and functions, too."""
    if isinstance(message, onnx.TensorProto):
        if message.data_location == onnx.TensorProto.EXTERNAL:
            yield from (entry.value for entry in message.external_data if entry.key == "location")
        return
    for field, value in message.ListFields():
        if field.message_type:
            for each in value if hasattr(value, "add") else [value]:
                yield from _external_files(each)
