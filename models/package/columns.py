"""The rows of an estimator as tensors: one matrix, or one input for each column of a table."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from skl2onnx.common import data_types

from .graph import PackagingRefused

JOINED = "joined_columns"  # the matrix of all columns
TYPES = {
    "float32": data_types.FloatTensorType,
    "float64": data_types.DoubleTensorType,
    "int64": data_types.Int64TensorType,
    "bool": data_types.BooleanTensorType,
    "string": data_types.StringTensorType,
}


@dataclass(frozen=True)
class Columns:
    """The inputs of a graph by name: the type of each, and its values, an array [n, width]."""

    dtypes: dict[str, str]
    values: dict[str, NDArray[Any]]
    joined: str = "float32"  # the type of a matrix of all columns

    def initial_types(self) -> list[tuple[str, Any]]:
        """Return the inputs as the converter takes them."""
        return [(name, TYPES[dtype]([None, self.values[name].shape[1]])) for name, dtype in self.dtypes.items()]

    def with_doubles(self) -> "Columns":
        """Return the same with float64 for every float32."""
        doubles = {name: dtype.replace("float32", "float64") for name, dtype in self.dtypes.items()}
        return Columns(doubles, self.values, "float64")


def read_columns(rows: Any) -> Columns:
    """Return the inputs for rows as scikit-learn takes them, or raise `PackagingRefused`.

    Args:
        rows: a matrix of numbers is one input `X`; a DataFrame, or an array of objects, is an input for each column;
            a list of texts is one input `text`.
    """
    if hasattr(rows, "toarray"):
        raise PackagingRefused("the rows are a sparse matrix; give them as rows.toarray()")
    if hasattr(rows, "columns"):
        if len(set(map(str, rows.columns))) < len(rows.columns):
            raise PackagingRefused("two columns have the same name; give each its own")
        columns = {str(name): np.asarray(rows[name], object) for name in rows.columns}
    else:
        matrix = np.asarray(rows)
        if matrix.ndim == 1 and matrix.dtype.kind in "UO":
            columns = {"text": matrix.astype(object)}
        elif matrix.dtype.kind in "fiub" and matrix.ndim == 2:
            return Columns({"X": "float32"}, {"X": matrix.astype(float)})
        elif matrix.ndim == 2:
            columns = {f"x{number}": column for number, column in enumerate(matrix.astype(object).T)}
        else:
            raise PackagingRefused(f"the rows have the shape {matrix.shape}; give a table of rows and columns")
    dtypes = {name: _dtype(name, column) for name, column in columns.items()}
    return Columns(dtypes, {name: column.reshape(-1, 1) for name, column in columns.items()})


def name_inputs(model: onnx.ModelProto, columns: Columns) -> onnx.ModelProto:
    """Give the inputs the names of their columns: the converter keeps only their letters, digits and '_'."""
    renamed = [pair for pair in zip(model.graph.input, columns.dtypes, strict=True) if pair[0].name != pair[1]]
    for _, name in renamed:
        _check_free(name, model.graph)
    _put_in_front(model.graph, [helper.make_node("Identity", [name], [tensor.name]) for tensor, name in renamed])
    for tensor, name in renamed:
        tensor.name = name
    return model


def join_columns(model: onnx.ModelProto, columns: Columns) -> onnx.ModelProto:
    """Put an input for each column in front of a graph with the one input `JOINED`."""
    graph, kind = model.graph, model.graph.input[0].type.tensor_type.elem_type
    parts = {name: f"{JOINED}/{number}" for number, name in enumerate(columns.dtypes)}
    for name in parts:
        _check_free(name, graph)
    casts = [helper.make_node("Cast", [name], [part], to=kind) for name, part in parts.items()]
    _put_in_front(graph, [*casts, helper.make_node("Concat", [*parts.values()], [JOINED], axis=1)])
    del graph.input[:]
    for name, tensor in columns.initial_types():
        number = helper.np_dtype_to_tensor_dtype(np.dtype(columns.dtypes[name]))
        graph.input.append(helper.make_tensor_value_info(name, number, tensor.shape))
    return model


def _dtype(name: str, column: NDArray[Any]) -> str:
    """Return the type of a column of Python values."""
    kinds = {bool: "bool", np.bool_: "bool", str: "string", int: "int64", np.integer: "int64"}
    kinds |= {float: "float32", np.floating: "float32"}
    found = {next((kinds[k] for k in kinds if isinstance(value, k)), type(value).__name__) for value in column}
    if found <= {"int64", "float32"}:
        return "int64" if found == {"int64"} else "float32"
    if len(found) == 1 and found <= {"bool", "string"}:
        return found.pop()
    fix = "give whole columns of numbers, bool or text (encode dates, and fill missing texts, before)"
    raise PackagingRefused(f"column {name!r} holds {' and '.join(sorted(found))}; {fix}")


def _check_free(name: str, graph: onnx.GraphProto) -> None:
    """Raise `PackagingRefused` if a column has the name of another tensor of the graph."""
    constants, computed = [each.name for each in graph.initializer], [each.output for each in graph.node]
    if name in {"", *(each.name for each in graph.input), *constants, *chain.from_iterable(computed)}:
        raise PackagingRefused(f"the graph has a tensor of its own with the name of column {name!r}; rename the column")


def _put_in_front(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)
