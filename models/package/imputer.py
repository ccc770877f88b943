"""SimpleImputer in float64: ONNX Runtime has no Imputer for it."""

from typing import Any

import numpy as np
from onnx import TensorProto

from .nodes import takes_float64


def add_imputer(
    scope: Any, operator: Any, container: Any, add_node: Any, kind: str, given: Any, result: Any, **attributes: Any
) -> None:
    """Add a node; an Imputer of float64 becomes a choice between each number and its column's value."""
    if kind != "Imputer" or not takes_float64(operator):
        add_node(kind, given, result, **attributes)
        return
    values, wanted = operator.raw_operator.statistics_.astype(float), operator.raw_operator.missing_values
    column_values, missing = (scope.get_unique_variable_name(name) for name in ("values", "missing"))
    container.add_initializer(column_values, TensorProto.DOUBLE, [1, len(values)], values.tolist())
    if np.isnan(wanted):
        add_node("IsNaN", given, missing, name=scope.get_unique_operator_name("IsNaN"))
    else:
        number = scope.get_unique_variable_name("number")
        container.add_initializer(number, TensorProto.DOUBLE, [], [float(wanted)])
        add_node("Equal", [given, number], missing, name=scope.get_unique_operator_name("Equal"))
    add_node("Where", [missing, column_values, given], result, name=scope.get_unique_operator_name("Where"))
