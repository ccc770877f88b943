"""The tensors that the clients read, in both forms that a server may write them."""

import struct

import pytest

from synchronous.messages import bytes_tensor, tensor_pb2, tensor_values, types_pb2


@pytest.mark.parametrize("fields", [{"float_val": [0.5, 2]}, {"tensor_content": struct.pack("<2f", 0.5, 2)}])
def test_floats_are_read_from_either_encoding(fields):
    assert tensor_values(tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, **fields)) == [0.5, 2]


def test_strings_are_returned_as_the_same_bytes():
    assert tensor_values(bytes_tensor([b"\xff", b""])) == [b"\xff", b""]


def test_another_type_and_an_incomplete_float_are_refused():
    with pytest.raises(TypeError, match="expected float32, or strings in string_val, got DT_INT64"):
        tensor_values(tensor_pb2.TensorProto(dtype=types_pb2.DT_INT64, int64_val=[1]))
    with pytest.raises(ValueError, match="multiple of item size"):
        tensor_values(tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=b"abc"))


def test_strings_in_raw_content_are_refused_and_not_lost():
    with pytest.raises(TypeError, match="strings in string_val, got DT_STRING"):
        tensor_values(tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_content=b"\x01a"))
