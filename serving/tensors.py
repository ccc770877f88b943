"""TensorProto to numpy and back, for every type that a signature can have."""

import itertools
import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

_MOST_BYTES = 2**31  # the limit of a protobuf message; a short message can still claim a larger shape

_FIELDS = {"float32": "float_val", "float64": "double_val", "bool": "bool_val", "object": "string_val"}
_FIELDS |= {"int64": "int64_val", "uint32": "uint32_val", "uint64": "uint64_val"}
_FIELDS |= {"float16": "half_val", "bfloat16": "half_val", "complex64": "scomplex_val", "complex128": "dcomplex_val"}
_BITS = {"float16": np.uint16, "bfloat16": np.uint16, "complex64": np.float32, "complex128": np.float64}


def type_name(dtype: int) -> str:
    """Return the type's name in TensorFlow's error messages: float, double, string, ..."""
    return str(types_pb2.DataType.Name(dtype)).removeprefix("DT_").lower()


def from_proto(tensor: tensor_pb2.TensorProto, alias: str) -> np.ndarray:
    """Return a tensor as an array, with strings as bytes objects.

    Raises:
        ValueError: type, shape and values contradict each other.
    """
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    try:
        size = math.prod(shape) * tf.as_dtype(tensor.dtype).size
        if tensor.tensor_shape.unknown_rank or min(shape, default=0) < 0 or size > _MOST_BYTES:
            raise ValueError(f"shape {shape[:10]}")
        if tensor.dtype == types_pb2.DT_STRING and tensor.tensor_content:
            texts = _texts(tensor.tensor_content, math.prod(shape))
            return np.array([*texts, None], object)[:-1].reshape(shape)
        return tf.make_ndarray(_cut(tensor, math.prod(shape)))  # type: ignore[no-any-return]
    except (ValueError, TypeError, LookupError, OverflowError) as error:  # the last one: an integer beyond its type
        raise ValueError(f"tensor parsing error: {alias}") from error


def _cut(tensor: tensor_pb2.TensorProto, count: int) -> tensor_pb2.TensorProto:
    """Return a tensor without the values in its typed fields beyond `count`, which TensorFlow ignores."""
    kind = tf.as_dtype(tensor.dtype)
    name = _FIELDS.get("object" if kind == tf.string else kind.name, "int_val")
    count *= 2 if kind.is_complex else 1  # each value is two numbers
    if tensor.tensor_content or len(getattr(tensor, name)) <= count:
        return tensor
    cut = tensor_pb2.TensorProto(dtype=tensor.dtype, tensor_shape=tensor.tensor_shape)
    getattr(cut, name).extend(getattr(tensor, name)[:count])
    return cut


def _texts(content: bytes, count: int) -> list[bytes]:
    """Return the strings in `tensor_content`: their lengths as varints of 7 bits per byte, and then their bytes."""
    lengths, position = [], 0
    for _ in range(count):
        length = shift = 0
        while content[position] >= 128:
            length += (content[position] - 128) << shift
            position, shift = position + 1, shift + 7
        lengths.append(length + (content[position] << shift))
        position += 1
    ends = [*itertools.accumulate(lengths, initial=position)]
    if ends[-1] != len(content):
        raise ValueError(f"{len(content)} bytes of strings, expected {ends[-1]}")
    return [content[start:end] for start, end in itertools.pairwise(ends)]


def to_proto(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Return an array as a tensor with typed fields such as `float_val`, as TensorFlow Serving's clients expect."""
    tensor = tensor_pb2.TensorProto(dtype=tf.as_dtype(array.dtype).as_datatype_enum)
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    name = array.dtype.name
    flat = array.ravel().view(_BITS.get(name, array.dtype))
    getattr(tensor, _FIELDS.get(name, "int_val")).extend(flat.tolist())
    return tensor
