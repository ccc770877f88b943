"""TensorFlow Serving's JSON form of tensors: `instances` and `predictions` by row, `inputs` and `outputs` by column."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from .errors import invalid
from .hooks import Arrays
from .tensors import type_name

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {"O": (str, dict), "b": (bool,), "f": (int, float)}
_PYTHON_TYPES |= {"i": (int,), "u": (int,)}


def parse(body: bytes) -> dict[str, Any]:
    """Return the request object in `body`."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise invalid(f"JSON Value: {_short(request)} Is not object")
    return request


def inputs_from(request: dict[str, Any], expected: Mapping[str, Any]) -> Arrays:
    """Return the input tensors in `request`, typed as `expected` (name to TensorInfo) says."""
    if ("instances" in request) == ("inputs" in request):
        raise invalid("Not formatted correctly: expecting one of 'inputs' or 'instances' keys to exist")
    if "instances" in request:
        columns = _columns(request["instances"], expected)
    else:
        columns = request["inputs"]
        if _is_value(columns):
            columns = {_only(expected): columns}
    for name in expected:
        if name not in columns:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _to_array(name, columns[name], info.dtype) for name, info in expected.items()}


def outputs_to(arrays: Arrays, by_row: bool) -> bytes:
    """Return the response body. A single output has no name in it."""
    sizes = {array.shape[:1] for array in arrays.values()}
    if by_row and (len(sizes) > 1 or () in sizes):
        raise invalid("the outputs have no first dimension in common: ask in column form, with 'inputs'")
    outputs: Any = {name: _to_json(name, array) for name, array in arrays.items()}
    if len(outputs) == 1:
        outputs = next(iter(outputs.values()))
    elif by_row:
        outputs = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    return json.dumps({"predictions" if by_row else "outputs": outputs}).encode()


def _columns(instances: Any, expected: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return rows as columns. With one input a row is a value, with several an object that names every input."""
    if not isinstance(instances, list) or not instances:
        raise invalid("Expecting 'instances' to be a list/array with at least one value")
    if _is_value(instances[0]):
        return {_only(expected): instances}
    for position, row in enumerate(instances):
        if _is_value(row) or set(row) != set(expected):
            message = f"Failed to process element: {position} of 'instances' list. JSON object keys must be equal to: "
            raise invalid(message + ",".join(sorted(expected)))
    return {name: [row[name] for row in instances] for name in expected}


def _only(expected: Mapping[str, Any]) -> str:
    if len(expected) > 1:
        raise invalid("a plain list, but expecting objects as multiple input tensors required: " + ", ".join(expected))
    return next(iter(expected))


def _is_value(value: Any) -> bool:
    """Return whether this is a tensor's value, `{"b64": ...}` included, and not an object of named inputs."""
    return not isinstance(value, dict) or (list(value) == ["b64"] and isinstance(value["b64"], str))


def _to_array(name: str, value: Any, dtype: int) -> np.ndarray:
    wanted = tf.as_dtype(dtype)
    leaves = np.array(value, object)  # numpy leaves lists of different lengths as values
    flat = leaves.ravel().tolist()
    kind = np.dtype(wanted.as_numpy_dtype).kind
    types = _PYTHON_TYPES.get(kind, ())
    for leaf in flat:
        if type(leaf) not in types:
            raise invalid(f"JSON Value: {_short(leaf)} is not of expected type: {type_name(dtype)} for input {name}")
    if kind == "O":
        return np.array([*map(_to_bytes, flat), None], object)[:-1].reshape(leaves.shape)
    try:
        with np.errstate(over="raise"):
            return leaves.astype(wanted.as_numpy_dtype)
    except ArithmeticError as error:
        raise invalid(f"Cannot convert JSON value to {type_name(dtype)} for input {name}: {error}") from error


def _to_bytes(leaf: str | dict[str, str]) -> bytes:
    if not _is_value(leaf):
        raise invalid(f"JSON Value: {_short(leaf)} not formatted correctly for base64 data")
    try:
        return leaf.encode() if isinstance(leaf, str) else base64.b64decode(leaf["b64"], validate=True)
    except ValueError as error:
        raise invalid("Unable to base64 decode") from error


def _to_json(name: str, array: np.ndarray) -> Any:
    if array.dtype.kind == "O":
        write = _b64 if name.endswith("_bytes") else _text
        return np.array([*map(write, array.ravel().tolist())], object).reshape(array.shape).tolist()
    if array.dtype.kind not in "biuf":
        raise invalid(f"Failed to write JSON value for tensor type: {array.dtype.name}")
    if array.dtype == np.float32:
        array = array.astype(str).astype(np.float64)  # else 0.2 would be written as the double 0.20000000298
    return array.tolist()


def _b64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _short(value: Any) -> str:
    return type(value).__name__ if isinstance(value, list | dict) else json.dumps(value)[:100]
