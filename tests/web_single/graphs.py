"""Small ONNX models of each kind, made for a test."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

KINDS = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64}
KINDS |= {"int32": TensorProto.INT32, "bool": TensorProto.BOOL, "string": TensorProto.STRING}
IRIS = load_iris()
FLOWERS = IRIS.data.astype(np.float32)
CUSTOMERS: list[dict[str, Any]] = [
    {"age": 20.0, "city": "Oslo", "visits": 3},
    {"age": 71.0, "city": "Rome", "visits": 1},
    {"age": 35.0, "city": "Oslo", "visits": 9},
    {"age": 52.0, "city": "Bern", "visits": 0},
]
STAYS = np.array(["stays", "leaves", "stays", "leaves"])


def columns(rows: list[dict[str, Any]]) -> np.ndarray:
    """The rows as scikit-learn takes them."""
    return np.array([list(row.values()) for row in rows], object)


def churn(handle_unknown: str = "ignore") -> tuple[Pipeline, bytes]:
    """A pipeline over columns: the inputs are `age` float32, `city` string and `visits` int64, all [n, 1]."""
    encoder = OneHotEncoder(handle_unknown=handle_unknown)
    prepare = ColumnTransformer(
        [("numbers", StandardScaler(), [0]), ("city", encoder, [1]), ("visits", "passthrough", [2])]
    )
    model = make_pipeline(prepare, LogisticRegression()).fit(columns(CUSTOMERS), STAYS)
    types = [
        ("age", FloatTensorType([None, 1])),
        ("city", StringTensorType([None, 1])),
        ("visits", Int64TensorType([None, 1])),
    ]
    graph = to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}})
    return model, graph.SerializeToString()


def exported(model: Any, rows: np.ndarray = FLOWERS, targets: Any = IRIS.target) -> bytes:
    """Fit a model of scikit-learn, and return it as ONNX with zipmap off; the input is `X`."""
    model.fit(rows, targets)
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    return to_onnx(model, rows[:1], options=options).SerializeToString()


def graph(nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, Any], **constants: Any) -> bytes:
    """A graph of `nodes`; inputs and outputs are {name: (dtype, shape)}, constants are arrays by name."""
    described = [
        [helper.make_tensor_value_info(name, KINDS[dtype], shape) for name, (dtype, shape) in each.items()]
        for each in (inputs, outputs)
    ]
    arrays = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "small", *described, arrays)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return onnx.ModelProto.SerializeToString(helper.make_model(made, opset_imports=opsets, ir_version=10))


def lookup() -> bytes:
    """A graph that looks an id up: `id` int64 [n] in, `probabilities` [n, 2] out; an id beyond 0, 1 and 2 fails."""
    table = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32)
    nodes = [helper.make_node("Gather", ["table", "id"], ["probabilities"])]
    return graph(nodes, {"id": ("int64", [None])}, {"probabilities": ("float32", [None, 2])}, table=table)
