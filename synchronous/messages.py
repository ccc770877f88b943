"""TensorFlow Serving's official messages, without the TensorFlow framework.

The generated modules in `tensorflow-serving-api` import message modules of `tensorflow.core`. Importing one of those
normally runs all of TensorFlow, which takes seconds and hundreds of megabytes. The message modules need only the folder
that they are in. So an empty module with that search path replaces `tensorflow` while they are imported.

Twin: synchronous, asynchronous and serving hold this file byte for byte, so that each folder can be copied alone.
"""

import importlib.util
import sys
import types
from array import array
from collections.abc import Iterable
from typing import Any

_bare = None
if "tensorflow" not in sys.modules:
    _spec = importlib.util.find_spec("tensorflow")
    if _spec is None or not _spec.submodule_search_locations:
        raise ImportError("the tensorflow package has no folder; its *_pb2 modules are needed, not the framework")
    _bare = sys.modules["tensorflow"] = types.ModuleType("tensorflow")
    _bare.__path__ = list(_spec.submodule_search_locations)
try:
    from tensorflow.core.framework import tensor_pb2, types_pb2
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )
finally:
    if _bare is not None:
        del sys.modules["tensorflow"]

__all__ = ["get_model_metadata_pb2", "get_model_status_pb2", "model_service_pb2_grpc", "predict_pb2"]
__all__ += ["bytes_tensor", "prediction_service_pb2_grpc", "tensor_pb2", "tensor_values", "types_pb2"]


def bytes_tensor(values: Iterable[bytes]) -> tensor_pb2.TensorProto:
    """Return a string tensor of shape [n] with these values, unchanged."""
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=values)
    tensor.tensor_shape.dim.add(size=len(tensor.string_val))
    return tensor


def tensor_values(tensor: tensor_pb2.TensorProto) -> list[Any]:
    """Return the values of a float32 tensor, or those in string_val as bytes objects, row by row."""
    if tensor.dtype == types_pb2.DT_STRING and not tensor.tensor_content:
        return list(tensor.string_val)
    if tensor.dtype != types_pb2.DT_FLOAT:
        raise TypeError(f"expected float32, or strings in string_val, got {types_pb2.DataType.Name(tensor.dtype)}")
    return list(array("f", tensor.tensor_content) if tensor.tensor_content else tensor.float_val)
