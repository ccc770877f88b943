"""Trees compare numbers with thresholds: a number must not be rounded to the other side of a threshold."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from skl2onnx.common._topology import Operator, Variable
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

from .nodes import takes_float64

TENSORS = 3  # the version of a tree's node that takes float64, as tensors
WHOLE = (np.integer, np.bool_, bool)

Convert = Callable[[Any, Any, Any], None]


def in_float32(convert: Convert) -> Convert:
    """Return a converter of trees that compare float32, as those of scikit-learn and XGBoost do."""
    return _with_casts(convert, rounded=True)


def in_float64(convert: Convert) -> Convert:
    """Return a converter of trees that compare float64, as LightGBM and HistGradientBoosting do."""
    return _with_casts(convert, rounded=False)


def _with_casts(convert: Convert, rounded: bool) -> Convert:
    """Return a converter that casts the answers of trees, which are float32, where the graph computes in float64.

    With `rounded`, the inputs of the trees are rounded to float32 before.
    """

    def with_casts(scope: Any, operator: Any, container: Any) -> None:
        if not takes_float64(operator):
            return convert(scope, operator, container)
        names = operator.onnx_name, operator.scope, operator.type
        trees = Operator(*names, operator.raw_operator, operator.target_opset, operator.scope_inst)
        for given in operator.inputs:
            trees.inputs.append(_like(given, scope) if rounded else given)
        for result in operator.outputs:
            trees.outputs.append(_like(result, scope))
        if rounded:
            _cast(operator.inputs, trees.inputs, TensorProto.FLOAT, scope, container)
        convert(scope, trees, container)
        _cast(trees.outputs, operator.outputs, TensorProto.DOUBLE, scope, container)
        return None

    return with_casts


def _like(variable: Any, scope: Any) -> Any:
    name = scope.get_unique_variable_name("float32")
    kind = FloatTensorType(variable.type.shape) if isinstance(variable.type, DoubleTensorType) else variable.type
    return Variable(name, name, scope=scope.name, type=kind)


def _cast(sources: Any, targets: Any, kind: int, scope: Any, container: Any) -> None:
    for source, target in zip(sources, targets, strict=True):
        node, how = ("Identity", {}) if type(source.type) is type(target.type) else ("Cast", {"to": kind})
        container.add_node(node, source.onnx_name, target.onnx_name, name=scope.get_unique_operator_name(node), **how)


def add_plain(_: Any, __: Any, ___: Any, add_node: Any, *given: Any, **attributes: Any) -> None:
    """Add a node with int for bool and numpy's integers, which onnx refuses in a list, and with float64 as it is."""
    for name, value in [*attributes.items()]:
        if isinstance(value, list):
            attributes[name] = [int(each) if isinstance(each, WHOLE) else each for each in value]
        elif isinstance(value, np.ndarray) and value.dtype == np.float64:
            attributes[f"{name}_as_tensor"] = numpy_helper.from_array(attributes.pop(name))
    add_node(*given, **attributes)


def add_lightgbm(scope: Any, operator: Any, container: Any, add_node: Any, *given: Any, **attributes: Any) -> None:
    """Add a node with thresholds in float64, or with the float32 that separates the same decimals."""
    if modes := attributes.get("nodes_modes"):
        if takes_float64(operator):
            for name in {*attributes} & {"nodes_values", "nodes_hitrates", "class_weights", "target_weights"}:
                attributes[name] = np.array(attributes[name], float)
            attributes["op_version"] = TENSORS
        else:
            nodes = zip(modes, attributes["nodes_values"], strict=True)
            values = [_threshold_as_sent(value) if mode == "BRANCH_LEQ" else value for mode, value in nodes]
            attributes["nodes_values"] = values
    add_plain(scope, operator, container, add_node, *given, **attributes)


def with_threshold_as_sent(add_node: Callable[..., None]) -> Callable[..., None]:
    """Return a function that adds a node of HistGradientBoosting; skl2onnx itself adjusts thresholds of other trees."""

    def add(*given: Any, adjust_threshold_for_sklearn: bool = False, dtype: Any = None, **options: Any) -> None:
        if not adjust_threshold_for_sklearn and dtype == np.float32:
            given = (*given[:7], _threshold_as_sent(given[7]), *given[8:])
        add_node(*given, adjust_threshold_for_sklearn=adjust_threshold_for_sklearn, dtype=dtype, **options)

    return add


def keep_infinite(adjust: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that adjusts a tree's threshold, except infinity, for which `adjust` never returns.

    A split between missing values and all others has an infinite threshold.
    """

    def adjust_finite(threshold: float, *kind: Any) -> Any:
        return threshold if np.isinf(threshold) else adjust(threshold, *kind)

    return adjust_finite


def _threshold_as_sent(threshold: float) -> float:
    """Return the float32 that separates decimals of up to six digits as the float64 `threshold` does.

    Thresholds lie halfway between numbers of the training data: 0.15 is below 0.15000000000000002, and 3.35 is above
    3.3499999999999996, but in float32 both are equal to it.
    """
    near = np.float32(threshold)
    is_below = float(str(near)) <= threshold  # the shortest decimal of this float32: what a caller has sent
    return float(near if is_below else np.nextafter(near, np.float32(-np.inf)))
