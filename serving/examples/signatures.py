"""What a signature must have to classify or regress, and its outputs as rows of classes or values.

The names of the method, of the input and of the outputs are those of TensorFlow's signature constants. As in TensorFlow
Serving, a signature needs these inputs and outputs, but not the method's name: `tf.saved_model.save` never writes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from ..errors import RequestRefused, invalid
from ..hooks import Arrays

INPUT = "inputs"
Rows = list[Any]  # of classify: lists of (label as bytes, score); of regress: float32 numbers


@dataclass(frozen=True)
class Method:
    """One way to read a signature: `outputs_of` checks it and names its outputs, `rows` reads their arrays."""

    outputs_of: Callable[[Any], list[str]]
    rows: Callable[[Arrays, int], Rows]


def _classify_outputs(signature: Any) -> list[str]:
    """Return which of `classes` and `scores` the signature has, or raise TensorFlow Serving's error."""
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUT not in signature.inputs:
        raise _unusable("No classification inputs found in SignatureDef: ", signature)
    found = [name for name in ("classes", "scores") if name in signature.outputs]
    if not found:
        message = 'Expected classification signature outputs to contain at least one of "classes" or "scores". '
        raise _unusable(f"{message}Signature was: ", signature)
    return found


def _regress_outputs(signature: Any) -> list[str]:
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if INPUT not in signature.inputs:
        raise _unusable("No regression inputs found in SignatureDef: ", signature)
    if "outputs" not in signature.outputs:
        raise _unusable("No regression outputs found in SignatureDef: ", signature)
    return ["outputs"]


def _unusable(message: str, signature: Any) -> RequestRefused:
    return RequestRefused(grpc.StatusCode.FAILED_PRECONDITION, message + str(signature))


def _classify_rows(arrays: Arrays, count: int) -> Rows:
    """Return for each of `count` examples its classes: label and score. A missing output is an empty label or 0."""
    for name, array, kind in [(name, arrays[name], _KINDS[name]) for name in ("classes", "scores") if name in arrays]:
        if array.ndim != 2:
            raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
        if array.dtype != kind:
            raise invalid(f"Expected {name} Tensor of {_type(kind)}. Got: {_type(array.dtype)}")
        if len(array) != count:
            raise invalid(f"Expected {name} output batch size of {count}. Got: {len(array)}")
    classes, scores = arrays.get("classes"), arrays.get("scores")
    if classes is not None and scores is not None and classes.shape != scores.shape:
        sizes = f"{classes.shape[1]} vs. {scores.shape[1]}"
        raise invalid(f"Tensors class and score should match in dim_size(1). Got {sizes}")
    shape = classes.shape if classes is not None else arrays["scores"].shape
    labels = np.full(shape, b"", object) if classes is None else classes
    numbers = np.zeros(shape, np.float32) if scores is None else scores
    return [list(zip(*row, strict=True)) for row in zip(labels, numbers, strict=True)]


def _regress_rows(arrays: Arrays, count: int) -> Rows:
    array = arrays["outputs"]
    if array.ndim not in (1, 2) or array.shape[1:] not in ((), (1,)):
        message = "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got"
        raise invalid(f"{message} {_shape(array)}")
    if len(array) != count:
        raise invalid(f"Input batch size did not match output batch size: {count} vs. {len(array)}")
    if array.dtype != np.float32:
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {_type(array.dtype)}")
    return list(array.ravel())


def _shape(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _type(dtype: Any) -> str:
    return str(types_pb2.DataType.Name(tf.as_dtype(dtype).as_datatype_enum))


_KINDS = {"classes": np.dtype(object), "scores": np.dtype(np.float32)}
CLASSIFY = Method(_classify_outputs, _classify_rows)
REGRESS = Method(_regress_outputs, _regress_rows)
METHODS: Mapping[str, Method] = {"tensorflow/serving/classify": CLASSIFY, "tensorflow/serving/regress": REGRESS}
