"""JSON values as tensors and back, without numpy. A number that its type cannot hold is refused, not rounded."""

import base64
import itertools
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

from ..messages import tensor_pb2, types_pb2

_NAMES = {code: name.removeprefix("DT_").lower() for name, code in types_pb2.DataType.items()}
_INTEGERS = {"int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q"}
_INTEGERS |= {"uint64": "Q"}  # the codes are those of Python's struct, as in `tensor_content`
_FLOATS = {"half": "e", "float": "f", "double": "d"}
_DIGITS = {"half": 11, "float": 24, "double": 53}  # bits of an integer that the type holds exactly
_CODES = {**_INTEGERS, **_FLOATS, "bool": "?"}
_FIELDS = {"half": "half_val", "float": "float_val", "double": "double_val", "bool": "bool_val", "string": "string_val"}
_FIELDS |= dict.fromkeys(("int8", "uint8", "int16", "uint16", "int32"), "int_val")
_MOST, _MOST_LISTS, _MOST_SIZES = 2**31, 2**20, 254  # a short message can claim a larger shape, or more empty lists
_FIELDS |= {"int64": "int64_val", "uint32": "uint32_val", "uint64": "uint64_val"}


def to_tensor(value: Any, dtype: int) -> tensor_pb2.TensorProto:
    """Return nested lists of JSON values as a tensor of the DataType `dtype`.

    Raises:
        ValueError: the lists are ragged, a value does not fit the type, or the type has no JSON form.
    """
    name = _NAMES.get(dtype, str(dtype))
    if name not in _FIELDS:
        raise ValueError(f"a tensor of type {name} cannot be given as JSON")
    shape: list[int] = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    leaves = [_converted(leaf, name) for leaf in _leaves(value, shape)]
    tensor = tensor_pb2.TensorProto(dtype=dtype, **{_FIELDS[name]: leaves})
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def _leaves(value: Any, shape: list[int]) -> Iterator[Any]:
    if not shape:
        if isinstance(value, list):
            raise ValueError("the lists are not nested equally deep")
        yield value
    elif not isinstance(value, list) or len(value) != shape[0]:
        raise ValueError(f"the lists are ragged: expected {shape[0]} values, got {str(value)[:80]}")
    else:
        for each in value:
            yield from _leaves(each, shape[1:])


def _converted(value: Any, name: str) -> Any:
    """Return the value as it stands in the tensor's field."""
    convert: Callable[[Any, str], Any] = _text if name == "string" else _number
    if name == "bool" and isinstance(value, bool):
        return value
    if name != "bool" and not isinstance(value, bool) and value is not None:
        return convert(value, name)
    raise ValueError(f"{_short(value)} is not a {name}")


def _text(value: Any, name: str) -> bytes:
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        return base64.b64decode(value["b64"], validate=True)
    if not isinstance(value, str):
        raise ValueError(f'{_short(value)} is neither text nor {{"b64": ...}}')
    return value.encode()


def _number(value: Any, name: str) -> Any:
    """Return the number, and for half precision its bits."""
    exact = isinstance(value, int) and (name in _INTEGERS or abs(value) < 2 ** _DIGITS[name])
    if not exact and not (isinstance(value, float) and name in _FLOATS):
        raise ValueError(f"{_short(value)} is not a {name}, or not exactly")
    try:
        packed = struct.pack(f"<{_CODES[name]}", value)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{_short(value)} is out of range for {name}") from error
    return struct.unpack("<H", packed)[0] if name == "half" else value


def _short(value: Any) -> str:
    return f"{value!r:.80}"


def from_tensor(tensor: tensor_pb2.TensorProto) -> Any:
    """Return a tensor as nested lists of Python values, with strings as bytes.

    Raises:
        ValueError: the type is not known here, or the values contradict the shape.
    """
    name, shape = _NAMES.get(tensor.dtype, str(tensor.dtype)), [dim.size for dim in tensor.tensor_shape.dim]
    if name not in _FIELDS:
        raise ValueError(f"a tensor of type {name} has no JSON form")
    most = _MOST if all(shape) else _MOST_LISTS
    if len(shape) > _MOST_SIZES or min(shape, default=0) < 0 or math.prod(filter(None, shape)) > most:
        raise ValueError(
            f"the shape {shape[:10]} has more than {_MOST_SIZES} sizes, one below 0, or a product above {most}"
        )
    count, values = math.prod(shape), list(getattr(tensor, _FIELDS[name]))
    if tensor.tensor_content and name == "string":
        raise ValueError("strings in tensor_content are not supported, only those in string_val")
    if tensor.tensor_content:
        whole = len(tensor.tensor_content) == count * struct.calcsize(_CODES[name])
        values = list(struct.unpack(f"<{count}{_CODES[name]}", tensor.tensor_content)) if whole else []
    elif name == "half":
        if wrong := [bits for bits in values if not 0 <= bits < 2**16]:
            raise ValueError(f"half_val has {wrong[0]}, which is not from 0 to 65535")
        values = [struct.unpack("<e", struct.pack("<H", bits))[0] for bits in values]
    if len(values) > count or (count and not values):
        raise ValueError(f"{len(values)} values for the shape {shape}")
    values += values[-1:] * (count - len(values))  # the last value is repeated, as TensorFlow has it
    return _nested(iter(values), shape)


def _nested(values: Iterator[Any], shape: list[int]) -> Any:
    if not shape:
        return next(values)
    if len(shape) == 1:
        return list(itertools.islice(values, shape[0]))
    return [_nested(values, shape[1:]) for _ in range(shape[0])]


def shortest(value: float) -> float:
    """Return a float32 number with as few digits as identify it, six or nine, as the REST API writes it."""
    if not math.isfinite(value):
        return value
    short = float(f"{value:.6g}")
    return (
        short if abs(short) < 3.4e38 and struct.pack("<f", short) == struct.pack("<f", value) else float(f"{value:.9g}")
    )
