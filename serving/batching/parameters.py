"""The file of `--batching_parameters_file`: TensorFlow Serving's BatchingParameters in protobuf's text format."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

from ..errors import ConfigRefused
from ..flags import read_file

_FIELD = descriptor_pb2.FieldDescriptorProto
# The numbers are those of session_bundle_config.proto. thread_pool_name is accepted and has no effect.
_INTEGERS = {"max_batch_size": 1, "batch_timeout_micros": 2, "max_enqueued_batches": 3, "num_batch_threads": 4}


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are batched; the defaults are TensorFlow Serving's."""

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    allowed_batch_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in _INTEGERS:
            least = 1 if name in ("max_batch_size", "num_batch_threads") else 0
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}; was {getattr(self, name)}")
        sizes = self.allowed_batch_sizes
        if list(sizes) != sorted(set(sizes)) or (sizes and sizes[0] < 1):
            raise ValueError(f"allowed_batch_sizes must be positive and increasing; was {list(sizes)}")
        if sizes and sizes[-1] != self.max_batch_size:
            message = "Last entry in allowed_batch_sizes must match max_batch_size; last entry was"
            raise ValueError(f"{message} {sizes[-1]}; expected {self.max_batch_size}")

    def padded(self, size: int) -> int:
        """Return the lowest allowed batch size that holds `size` rows, or `size` if every size is allowed."""
        return next((allowed for allowed in self.allowed_batch_sizes if allowed >= size), size)


def read_parameters(path: Path) -> BatchingParameters:
    """Return the parameters in a file.

    Raises:
        ConfigRefused: the file cannot be read, has an unknown field, or a value is out of range.
    """
    message = _message()
    read_file(path, message)
    given: dict[str, Any] = {name: getattr(message, name).value for name in _INTEGERS if message.HasField(name)}
    try:
        return BatchingParameters(**given, allowed_batch_sizes=tuple(message.allowed_batch_sizes))
    except ValueError as error:
        raise ConfigRefused(f"{path}: {error}") from error


def _message() -> Any:
    """Return an empty BatchingParameters message. tensorflow-serving-api has no generated module for it."""
    file = descriptor_pb2.FileDescriptorProto(
        name="batching_parameters.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    add = file.message_type.add(name="BatchingParameters").field.add
    for name, number in _INTEGERS.items():
        add(name=name, number=number, type=_FIELD.TYPE_MESSAGE, type_name=".google.protobuf.Int64Value")
    add(name="thread_pool_name", number=5, type=_FIELD.TYPE_MESSAGE, type_name=".google.protobuf.StringValue")
    add(name="allowed_batch_sizes", number=6, type=_FIELD.TYPE_INT64, label=_FIELD.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.BatchingParameters"))()
