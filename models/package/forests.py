"""Forests of classification trees: their graph counts votes, so a tie goes to the label that scikit-learn takes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from .nodes import change_nodes


def count_votes(convert: Callable[..., None]) -> Callable[..., None]:
    """Return a converter of a forest whose graph adds up the votes of the trees, and then divides by their number.

    The graph of `convert` adds up shares of a vote. Their sums in float32 differ where as many trees vote for each of
    two labels, and for two labels it computes 1 - p. Sums of whole votes are equal, and the first label is taken.
    """
    return change_nodes(convert, _add)


def _add(
    scope: Any, operator: Any, container: Any, add_node: Any, kind: str, given: Any, results: Any, **attributes: Any
) -> None:
    if kind == "TreeEnsembleClassifier":
        trees = len(operator.raw_operator.estimators_)
        _add_forest(scope, container, add_node, trees, given, results, attributes)
    else:
        add_node(kind, given, results, **attributes)


def _add_forest(
    scope: Any, container: Any, add_node: Any, trees: int, given: Any, results: list[str], attributes: dict[str, Any]
) -> None:
    """Add the nodes of a forest: the votes for each label, their shares, and the first label with the most votes."""
    texts, numbers = attributes.pop("classlabels_strings", None), attributes.pop("classlabels_int64s", None)
    ensemble = _votes(attributes, trees, len(texts or numbers))
    names = [scope.get_unique_variable_name(name) for name in ("votes", "trees", "labels", "first")]
    votes, count, labels, first = names
    kind = TensorProto.STRING if texts else TensorProto.INT64
    container.add_initializer(count, TensorProto.FLOAT, [], [float(trees)])
    container.add_initializer(labels, kind, [len(texts or numbers)], texts or numbers)
    add_node("TreeEnsembleRegressor", given, votes, n_targets=len(texts or numbers), **ensemble)
    add_node("Div", [votes, count], results[1], name=scope.get_unique_operator_name("Div"))
    add_node("ArgMax", votes, first, axis=1, keepdims=0, name=scope.get_unique_operator_name("ArgMax"))
    add_node("Gather", [labels, first], results[0], name=scope.get_unique_operator_name("Gather"))


def _votes(attributes: dict[str, Any], trees: int, labels: int) -> dict[str, Any]:
    """Return the attributes of an ensemble of `trees` that gives whole votes for each label."""
    ensemble = {name.replace("class_", "target_"): value for name, value in attributes.items()}
    shares = np.asarray(ensemble["target_weights"])
    votes = shares.astype(float) * trees
    if labels == 2:  # the converter writes the share of the second label alone
        votes = np.concatenate([1 - votes, votes])
        ensemble["target_ids"] = [0] * len(shares) + [1] * len(shares)
        for name in ("target_nodeids", "target_treeids"):
            ensemble[name] = [*ensemble[name], *ensemble[name]]
    return ensemble | {"target_weights": votes.astype(np.float32).astype(shares.dtype)}
