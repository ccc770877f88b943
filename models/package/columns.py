"""The rows of an estimator as tensors: one matrix, or one input for each column of a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx.common import data_types

from .graph import PackagingRefused

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

    def initial_types(self) -> list[tuple[str, Any]]:
        """Return the inputs as the converter takes them."""
        return [(name, TYPES[dtype]([None, self.values[name].shape[1]])) for name, dtype in self.dtypes.items()]

    def with_doubles(self) -> "Columns":
        """Return the same with float64 for every float32."""
        return Columns({name: dtype.replace("float32", "float64") for name, dtype in self.dtypes.items()}, self.values)


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


def _dtype(name: str, column: NDArray[Any]) -> str:
    """Return the type of a column of Python's values."""
    kinds = {bool: "bool", np.bool_: "bool", str: "string", int: "int64", np.integer: "int64"}
    kinds |= {float: "float32", np.floating: "float32"}
    found = {next((kinds[k] for k in kinds if isinstance(value, k)), type(value).__name__) for value in column}
    if found <= {"int64", "float32"}:
        return "int64" if found == {"int64"} else "float32"
    if len(found) == 1 and found <= {"bool", "string"}:
        return found.pop()
    fix = "give whole columns of numbers, bool or text (encode dates, and fill missing texts, before)"
    raise PackagingRefused(f"column {name!r} holds {' and '.join(sorted(found))}; {fix}")
