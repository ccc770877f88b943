"""The JSON of :classify and :regress: objects as tf.Example messages, and results as lists."""

from typing import Any

import numpy as np
from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import input_pb2

from ..errors import invalid
from ..json_outputs import as_written, text
from ..json_parser import is_base64, quoted
from ..json_values import decode_base64, json_type, to_array
from .signatures import Rows

_LISTS = {"bytes": "bytes_list", "float": "float_list", "int64": "int64_list"}


def input_from(request: dict[str, Any]) -> input_pb2.Input:
    """Return the examples in a request, with its context if it has one."""
    given = input_pb2.Input()
    context = _example(request["context"]) if "context" in request else None
    if "examples" not in request:
        raise _wrong(request, "When method is classify, key 'examples' is expected and was not found")
    if not isinstance(request["examples"], list):
        raise _wrong(request, "Expecting 'examples' value to be an list/array")
    if not request["examples"]:
        raise _wrong(request, "'examples' value is an empty array")
    if context is not None:
        given.example_list_with_context.context.CopyFrom(context)
    chosen = given.example_list if context is None else given.example_list_with_context
    chosen.examples.extend(map(_example, request["examples"]))
    return given


def _wrong(request: dict[str, Any], message: str) -> Exception:
    return invalid(f"JSON Value: {quoted(request)} {message}")


def _example(value: Any) -> example_pb2.Example:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {json_type(value)}")
    example = example_pb2.Example()
    for name, content in value.items():
        feature = example.features.feature[name]
        feature.SetInParent()
        for each in content if isinstance(content, list) else [content]:
            _add(feature, name, each)
    return example


def _add(feature: feature_pb2.Feature, name: str, value: Any) -> None:
    """Add one JSON value. The first one determines the feature's type, which no later one may change."""
    if value is None or isinstance(value, list) or (isinstance(value, dict) and not is_base64(value)):
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")
    kind, converted = _converted(name, value)
    so_far = feature.WhichOneof("kind")
    if so_far not in (None, _LISTS[kind]):
        kind = next(kind for kind, field in _LISTS.items() if field == so_far)
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {kind}")
    getattr(feature, _LISTS[kind]).value.append(converted)


def _converted(name: str, value: Any) -> tuple[str, Any]:
    """Return the type of a value's feature, and the value in it. A number without a fraction is an int64."""
    if isinstance(value, dict):
        return "bytes", decode_base64(value["b64"])
    if isinstance(value, str):
        return "bytes", to_array([value], types_pb2.DT_STRING)[0]
    if isinstance(value, bool) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return "int64", int(value)
    if isinstance(value, int) and 0 < value < 2**64:
        raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
    return "float", to_array([value], types_pb2.DT_FLOAT)[0]  # with a fraction, or an integer beyond 64 bits


def results_to(rows: Rows) -> list[Any]:
    """Return the results as they stand in the response: [label, score] for each class, or the value."""
    if not isinstance(rows[0], list):
        return _written(rows)
    return [_classes(row) for row in rows]


def _classes(row: Rows) -> list[Any]:
    scores = _written([score for _, score in row])
    return [[text(label), score] for (label, _), score in zip(row, scores, strict=True)]


def _written(values: list[Any]) -> list[Any]:
    numbers: list[Any] = as_written(np.array(values, np.float32)).tolist()
    return numbers
