"""TensorFlow Serving's JSON requests: `instances` by row, `inputs` by column, with its rules and error messages."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import RequestRefused, invalid
from .hooks import Arrays
from .json_parser import is_base64, quoted
from .json_values import to_array


def inputs_from(request: dict[str, Any], signature: str, expected: Mapping[str, Any]) -> Arrays:
    """Return the input tensors in `request`, typed as `expected` (name to TensorInfo) says."""
    if not expected:
        raise invalid(f"Failed to get input map for signature: {signature or 'DEFAULT'}")
    if "instances" in request and "inputs" in request:
        message = "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        raise invalid(f"JSON Value: {quoted(request)} {message}")
    if "instances" in request:
        return _by_row(request, expected)
    if "inputs" in request:
        return _by_column(request["inputs"], expected)
    raise invalid("Missing 'inputs' or 'instances' key")


def _by_column(inputs: Any, expected: Mapping[str, Any]) -> Arrays:
    if not isinstance(inputs, dict) or is_base64(inputs):
        if len(expected) > 1:
            message = "inputs is a plain value/list, but expecting an object as multiple input tensors required "
            raise invalid(message + "as per tensorinfo_map")
        inputs = dict.fromkeys(expected, inputs)
    for name in expected:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _to_tensor(inputs[name], info.dtype) for name, info in expected.items()}


def _by_row(request: dict[str, Any], expected: Mapping[str, Any]) -> Arrays:
    rows = request["instances"]
    if not isinstance(rows, list):
        raise invalid(f"JSON Value: {quoted(request)} Excepting 'instances' to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {quoted(request)} No values in 'instances' array")
    if len(expected) > 1 and not isinstance(rows[0], dict):
        message = "instances is a plain list, but expecting list of objects as multiple input tensors required "
        raise invalid(message + "as per tensorinfo_map")
    named = _is_object(rows[0])
    for position, row in enumerate(rows):
        if named:
            _check_names(position, row, expected)
        elif _is_object(row):
            raise invalid(f"Expecting value/list but got object at item {position} of input list")
    if named:
        return {name: _stack([row[name] for row in rows], i.dtype, f" key: {name}") for name, i in expected.items()}
    first = min(expected)
    return {first: _stack(rows, expected[first].dtype, "")}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _check_names(position: int, row: Any, expected: Mapping[str, Any]) -> None:
    """Refuse a row that does not name exactly the inputs of the signature."""
    if not _is_object(row):
        raise invalid(f"Expecting object but got list at item {position} of input list")
    for name in row:
        if name not in expected:
            message = f"Failed to process element: {position} key: {name} of 'instances' list. Error: INVALID_ARGUMENT:"
            raise invalid(f"{message} JSON object: does not have named input: {name}")
    if row.keys() != expected.keys():
        message = f"Failed to process element: {position} of 'instances' list. JSON object: {quoted(row)} keys must be "
        raise invalid(f"{message}equal to: {','.join(sorted(expected))}")


def _stack(rows: list[Any], dtype: int, key: str) -> np.ndarray:
    """Return one tensor of all rows; each row becomes a tensor of the same shape."""
    try:
        return _to_tensor(rows, dtype)
    except RequestRefused:  # now row by row, to name the row
        first = None
        for position, row in enumerate(rows):
            try:
                tensor = _to_tensor(row, dtype)
                first = tensor if first is None else first
                _check_shape(first.shape, tensor.shape)
            except RequestRefused as error:
                message = f"Failed to process element: {position}{key} of 'instances' list. Error: {error.code.name}: "
                raise invalid(message + str(error)) from error
        raise


def _check_shape(first: tuple[int, ...], shape: tuple[int, ...]) -> None:
    sizes = [int(np.prod(each)) for each in (first, shape)]
    if sizes[0] != sizes[1]:
        raise invalid(f"Expecting tensor size: {sizes[0]} but got: {sizes[1]}")
    if first != shape:
        shapes = ["[" + ",".join(map(str, each)) + "]" for each in (first, shape)]
        raise invalid(f"Expecting shape {shapes[0]} but got: {shapes[1]}")


def _to_tensor(value: Any, dtype: int) -> np.ndarray:
    shape, inner = [], value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    leaves: list[Any] = []
    _collect(value, 0, shape, leaves)
    try:
        return to_array(leaves, dtype).reshape(shape)
    except ValueError as error:  # numpy has at most 64 dimensions
        raise invalid(f"a tensor of {len(shape)} dimensions is not supported") from error


def _collect(value: Any, level: int, shape: list[int], leaves: list[Any]) -> None:
    """Append the values in nested lists to `leaves`. The lists must have this shape."""
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            message = f"JSON Value: {quoted(value)} found at incorrect level: {level + 1} in the JSON DOM."
            raise invalid(f"{message} Expected at level: {rank}")
        leaves.append(value)
    elif level >= rank:
        raise invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    elif len(value) != shape[level]:
        message = f"Encountered list at unexpected size: {len(value)} at level: {level}"
        raise invalid(f"{message} expected size: {shape[level]}")
    elif level == rank - 1 and list not in set(map(type, value)):
        leaves.extend(value)
    else:
        for each in value:
            _collect(each, level + 1, shape, leaves)
