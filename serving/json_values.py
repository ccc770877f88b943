"""Single JSON values as tensor values: types, ranges and precision as in TensorFlow Serving, and base64."""

import base64
import re
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from .errors import RequestRefused, invalid
from .json_parser import Constant, is_base64, quoted
from .tensors import type_name

# The types that TensorFlow Serving reads from JSON. It does not read half, bfloat16, uint16 or complex numbers.
_PYTHON_TYPES: dict[str, tuple[type, ...]] = dict.fromkeys(("float", "double"), (int, float, Constant))
_PYTHON_TYPES |= dict.fromkeys(("int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"), (int,))
_PYTHON_TYPES |= {"bool": (bool,), "string": (str, dict)}
_JSON_TYPES = {str: "String", dict: "Object", list: "Array", type(None): "Null"}
_WHITE_SPACE = re.compile(r"[ \t\n\v\f\r]+")


def to_array(values: list[Any], dtype: int) -> np.ndarray:
    """Return JSON values as an array [n] of a TensorFlow type.

    Raises:
        RequestRefused: the type cannot be read from JSON, or a value does not fit it.
    """
    name = type_name(dtype)
    if name not in _PYTHON_TYPES:
        message = f"Conversion of JSON Value: {quoted(values[0] if values else None)} to type: {name}"
        raise RequestRefused(grpc.StatusCode.UNIMPLEMENTED, message)
    if not {*map(type, values)} <= {*_PYTHON_TYPES[name]}:
        raise _wrong_type(next(value for value in values if type(value) not in _PYTHON_TYPES[name]), name)
    if name == "string":
        return np.array([*map(_to_bytes, values), None], object)[:-1]
    kind = tf.as_dtype(dtype).as_numpy_dtype
    if name in ("float", "double"):
        return _floats(values, np.dtype(kind), name)
    try:
        return np.array(values, kind)
    except OverflowError as error:
        limits = np.iinfo(kind)
        misfit = next(value for value in values if not limits.min <= value <= limits.max)
        raise _wrong_type(misfit, name) from error


def json_type(value: Any) -> str:
    """Return the type's name in TensorFlow Serving's error messages: String, Number, True, ..."""
    return str(value) if isinstance(value, bool) else _JSON_TYPES.get(type(value), "Number")


def _wrong_type(value: Any, name: str) -> RequestRefused:
    return invalid(f"JSON Value: {quoted(value)} Type: {json_type(value)} is not of expected type: {name}")


def _floats(values: list[Any], dtype: np.dtype, name: str) -> np.ndarray:
    largest = 2 ** (np.finfo(dtype).nmant + 1) - 1  # of the integers that TensorFlow Serving takes for this type
    for value in values:
        if type(value) is int and abs(value) > largest and -(2**63) <= value < 2**64:
            raise _lossy(value, name)
    try:
        doubles = np.array(values, np.float64)
    except OverflowError as error:
        raise _too_big() from error
    for position in np.flatnonzero(np.isinf(doubles)).tolist():
        if not isinstance(values[position], Constant):
            raise _too_big()
    beyond = np.flatnonzero(np.isfinite(doubles) & (np.abs(doubles) > np.finfo(dtype).max))
    if beyond.size:
        raise _lossy(values[beyond[0]], name)
    return doubles.astype(dtype)


def _lossy(value: float, name: str) -> RequestRefused:
    return invalid(f"Cannot convert JSON value: {quoted(value)} to {name} without loss of precision.")


def _too_big() -> RequestRefused:
    return invalid("JSON Parse error: Number too big to be stored in double.")


def _to_bytes(value: str | dict[str, str]) -> bytes:
    if isinstance(value, dict):
        if not is_base64(value):
            raise invalid(f"JSON Value: {quoted(value)} not formatted correctly for base64 data")
        return decode_base64(value["b64"])
    return value.encode()


def decode_base64(text: str) -> bytes:
    """Return the bytes. Padding may be missing or written with dots, and white space is skipped."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        packed = _WHITE_SPACE.sub("", text)
    digits = packed.rstrip("=.")
    missing = -len(digits) % 4
    try:
        if missing == 3 or len(packed) - len(digits) not in (0, missing):
            raise ValueError("the padding is wrong")
        return base64.b64decode(digits + "=" * missing, validate=True)
    except ValueError as error:
        raise invalid("Unable to base64 decode") from error
