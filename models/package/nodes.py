"""Change the nodes that a converter of skl2onnx adds to a graph."""

from collections.abc import Callable
from typing import Any

from skl2onnx.common.data_types import DoubleTensorType


def change_nodes(convert: Callable[..., None], add: Callable[..., None]) -> Callable[..., None]:
    """Return a converter that calls `add` for each node of `convert`, with the container's own `add_node`.

    `add` gets scope, operator, container and `add_node`, and then the arguments of `add_node`.
    """

    def changed(scope: Any, operator: Any, container: Any) -> None:
        add_node = container.add_node
        container.add_node = lambda *given, **attributes: add(
            scope, operator, container, add_node, *given, **attributes
        )
        try:
            convert(scope, operator, container)
        finally:
            del container.add_node

    return changed


def takes_float64(operator: Any) -> bool:
    """Return whether the graph computes the inputs of this part in float64."""
    return isinstance(operator.inputs[0].type, DoubleTensorType)
