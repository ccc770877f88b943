"""Fitted estimators of scikit-learn, LightGBM and XGBoost to ONNX."""

import warnings
from typing import Any

import onnx
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.base import BaseEstimator
from sklearn.preprocessing import QuantileTransformer

from .columns import JOINED, Columns, join_columns, name_inputs
from .converters import register_converters
from .graph import PackagingRefused, one_line

MOST_QUANTILES = 100  # the time to convert them doubles with each power of two
OPSETS = {"": 18, "ai.onnx.ml": 3}


def convert(model: Any, columns: Columns, classifier: bool) -> onnx.ModelProto:
    """Return the graph of a fitted estimator, with the inputs of `columns`, or raise `PackagingRefused`."""
    register_converters()
    _check_quantiles(model)
    options: Any = {id(model): {"zipmap": False}} if classifier else None
    numeric = set(columns.dtypes.values()) <= {"float32", "float64", "int64"}
    ways = [_convert_separate, _convert_joined] if len(columns.dtypes) > 1 and numeric else [_convert_separate]
    if columns.joined == "float64":  # of separate columns, the converter makes a matrix of float32
        ways.reverse()
    refusals = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever the converter warns of, the graph's answers are checked
        for way in ways:
            try:
                return way(model, columns, options)
            except PackagingRefused as refusal:
                refusals.append(refusal)
    raise refusals[-1]


def _convert_separate(model: Any, columns: Columns, options: Any) -> onnx.ModelProto:
    """Return the graph with an input for each column."""
    return name_inputs(_to_onnx(model, columns.initial_types(), options), columns)


def _convert_joined(model: Any, columns: Columns, options: Any) -> onnx.ModelProto:
    """Return the graph of one matrix of all columns, with an input for each column in front of it."""
    kind = DoubleTensorType if columns.joined == "float64" else FloatTensorType
    return join_columns(_to_onnx(model, [(JOINED, kind([None, len(columns.dtypes)]))], options), columns)


def _check_quantiles(model: Any) -> None:
    """Raise `PackagingRefused` for a QuantileTransformer whose conversion takes minutes, or hours."""
    parts, seen = [model], set()
    while parts:
        part = parts.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, QuantileTransformer) and part.n_quantiles_ > MOST_QUANTILES:
            fix = f"train it with n_quantiles={MOST_QUANTILES} or fewer"
            raise PackagingRefused(f"QuantileTransformer has {part.n_quantiles_} quantiles, too many to convert; {fix}")
        if isinstance(part, BaseEstimator):
            parts += vars(part).values()
        elif isinstance(part, (list, tuple)):
            parts += part


def _to_onnx(model: Any, types: Any, options: Any) -> onnx.ModelProto:
    try:
        graph: onnx.ModelProto = to_onnx(model, initial_types=types, options=options, target_opset=OPSETS)
    except Exception as error:
        fix = "use a step that it converts (skl2onnx.supported_converters()), or export the model to ONNX yourself"
        reason = f"{type(error).__name__}: {one_line(error)[:160]}"
        raise PackagingRefused(f"{type(model).__name__} cannot be converted ({reason}); {fix}") from error
    # The converter's order of domains varies from build to build.
    domains = sorted(graph.opset_import, key=lambda opset: opset.domain)
    del graph.opset_import[:]
    graph.opset_import.extend(domains)
    return graph
