"""TensorFlow Serving's JSON answers: `predictions` by row, `outputs` by column."""

import base64
import json
from typing import Any

import numpy as np

from .errors import invalid
from .hooks import Arrays

# The types that TensorFlow Serving writes as JSON.
_WRITABLE = {"float32", "float64", "bool", "object", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"}


def outputs_to(arrays: Arrays, by_row: bool) -> bytes:
    """Return the response body. The name of a single output is left out."""
    if not arrays:
        raise invalid("Cannot convert empty tensor map to JSON")
    if by_row:
        _check_rows(arrays)
    outputs: Any = {name: _to_json(name, array) for name, array in arrays.items()}
    if len(outputs) == 1:
        outputs = next(iter(outputs.values()))
    elif by_row:
        outputs = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    return to_json({"predictions" if by_row else "outputs": outputs})


def to_json(value: Any) -> bytes:
    """Return JSON. Strings keep the bytes that the model wrote, which may not be UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode(errors="surrogateescape")


def text(value: bytes) -> str:
    """Return a string tensor's value for `to_json`."""
    return value.decode(errors="surrogateescape")


def as_written(array: np.ndarray) -> np.ndarray:
    """Return float32 values as the doubles that TensorFlow Serving writes: six digits if they are enough, else nine."""
    flat = array.ravel()
    doubles = _rounded(flat, 6)
    with np.errstate(over="ignore"):
        longer = (doubles.astype(np.float32) != flat) & ~np.isnan(flat)
    doubles[longer] = _rounded(flat[longer], 9)
    return doubles.reshape(array.shape)


def _rounded(values: np.ndarray, digits: int) -> np.ndarray:
    """Return values [n] with `digits` significant digits. One long string takes a tenth of the time of n short ones."""
    return np.fromstring(f"%.{digits}g " * len(values) % tuple(values.tolist()), sep=" ")


def _check_rows(arrays: Arrays) -> None:
    """Refuse the outputs unless all have the same number of rows, and at least one row."""
    rows = None
    for name, array in arrays.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if not len(array):
            raise invalid(f"Tensor name: {name} has invalid batch size: 0")
        if rows not in (None, len(array)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}")
        rows = len(array)


def _to_json(name: str, array: np.ndarray) -> Any:
    if array.dtype.name not in _WRITABLE:
        kind = {"float16": "half"}.get(array.dtype.name, array.dtype.name)
        raise invalid(f"Failed to write JSON value for tensor type: {kind}")
    if array.dtype.kind == "O":
        write = _b64 if name.endswith("_bytes") else text
        return np.array([*map(write, array.ravel().tolist()), None], object)[:-1].reshape(array.shape).tolist()
    return (as_written(array) if array.dtype == np.float32 else array).tolist()


def _b64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}
