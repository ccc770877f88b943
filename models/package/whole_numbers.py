"""Whole numbers that float32 rounds, such as unix time: a split of a tree between two of them moves."""

import sys
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.ensemble._forest import BaseForest
from sklearn.tree import BaseDecisionTree

from .columns import Columns
from .graph import PackagingRefused

# They round each number to float32 themselves, at training and at prediction. XGBoost does, too.
ROUND_THEMSELVES = (BaseDecisionTree, BaseForest, GradientBoostingClassifier, GradientBoostingRegressor)
EXACT_TO = 2.0**24  # float32 holds each whole number up to this one
LARGEST = 2.0**53  # beyond, each float64 is a whole number
# Operators of the domain ai.onnx.ml that compare whole numbers as they are, and then give numbers of another type.
EXACT = ("OneHotEncoder", "LabelEncoder", "CategoryMapper")
SAME = ("Identity", "Concat", "Reshape", "Gather", "ArrayFeatureExtractor", "Squeeze", "Unsqueeze", "Flatten")


def check_whole_numbers(model: Any, graph: onnx.ModelProto, columns: Columns) -> None:
    """Raise `PackagingRefused` if float32 would round a whole number, perhaps across a threshold of the model."""
    if isinstance(model, (*ROUND_THEMSELVES, getattr(sys.modules.get("xgboost"), "XGBModel", ()))):
        return
    for name, dtype in columns.dtypes.items():
        rounded = _rounded(columns.values[name])
        if len(rounded) and (dtype == "float32" or (dtype == "int64" and _becomes_float(graph.graph, name))):
            value, place = rounded[0]
            where = f"column {name!r}" if columns.values[name].shape[1] == 1 else f"column {place:.0f} of the matrix"
            fix = "train with smaller ones: subtract a constant, or leave out an id"
            raise PackagingRefused(f"{where} holds whole numbers that float32 rounds, such as {value:.0f}; {fix}")


def _rounded(columns: NDArray[Any]) -> list[tuple[float, int]]:
    """Return the first whole number that float32 rounds and its column, if there is one.

    A column of whole numbers alone takes others, too: beside each one beyond `EXACT_TO` is one that float32 rounds.
    """
    if columns.dtype.kind == "O" and any(isinstance(each, str) for each in columns[:1, 0]):
        return []
    values = columns.astype(float)
    whole = (values == values.round()) & (abs(values) < LARGEST)
    beside = whole & (abs(values) > EXACT_TO) & (whole | np.isnan(values)).all(axis=0)
    exact = np.where(whole, values, 0).astype(np.float32) == values
    found = np.argwhere(whole & (~exact | beside))[:1]
    return [(float(values[row, place] + exact[row, place]), int(place)) for row, place in found]


def _becomes_float(graph: onnx.GraphProto, name: str) -> bool:
    """Return whether a tensor of whole numbers is used as float32."""
    for node in graph.node:
        if name not in node.input or node.op_type in EXACT:
            continue
        to = next((each.i for each in node.attribute if each.name == "to"), None) if node.op_type == "Cast" else None
        if to in (TensorProto.STRING, TensorProto.DOUBLE):
            continue
        if to != TensorProto.INT64 and node.op_type not in SAME:
            return True
        if any(_becomes_float(graph, result) for result in node.output):
            return True
    return False
