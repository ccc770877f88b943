"""JSON values as tensors and back: every type, exactly or not at all."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synchronous.messages import tensor_pb2, types_pb2
from synchronous.signatures.values import from_tensor, shortest, to_tensor

EXTREMES = {
    "BOOL": [True, False], "INT8": [-128, 127], "UINT8": [0, 255], "INT16": [-(2**15), 2**15 - 1],
    "UINT16": [0, 2**16 - 1], "INT32": [-(2**31), 2**31 - 1], "UINT32": [0, 2**32 - 1],
    "INT64": [-(2**63), 2**63 - 1], "UINT64": [0, 2**64 - 1],
    "HALF": [-65504.0, 0.5], "FLOAT": [-3.4028234663852886e38, 1.5], "DOUBLE": [1e-300, 2**53 - 1.0],
}  # fmt: skip
MISFITS = {
    "INT8": [128, 1.5], "UINT16": [-1], "INT64": [2**63, 1.0, True, "1", None], "UINT64": [2**64, -1],
    "BOOL": [1, None], "HALF": [65520.0, 2049], "FLOAT": [1e39, 2**24, "1", {"b64": ""}], "DOUBLE": [2**53, 10**400],
    "STRING": [1, {"b64": "*"}, {"x": "y"}], "COMPLEX64": [1.0],
}  # fmt: skip


def dtype(name):
    return getattr(types_pb2, f"DT_{name}")


@pytest.mark.parametrize("name", EXTREMES)
def test_the_extremes_of_every_type_return_as_they_were(name):
    tensor = to_tensor([EXTREMES[name], EXTREMES[name]], dtype(name))
    assert [dim.size for dim in tensor.tensor_shape.dim] == [2, 2]
    assert from_tensor(tensor) == [EXTREMES[name]] * 2


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in MISFITS for value in MISFITS[name]])
def test_what_does_not_fit_the_type_is_refused(name, value):
    with pytest.raises(ValueError, match=r"\w") as refused:
        to_tensor(value, dtype(name))
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("ragged", [[[1, 2], [3]], [[1], 2], [1, [2]], [[], [1]]])
def test_ragged_lists_are_refused(ragged):
    with pytest.raises(ValueError, match="the lists are"):
        to_tensor(ragged, dtype("INT32"))


def encoded(value):
    return [encoded(each) for each in value] if isinstance(value, list) else value.encode()


@pytest.mark.parametrize("value", ["a", [], [[], []], [[["a"], ["b"]]], [["a", "b"], ["c", "d"]]])
def test_any_shape_returns_as_it_was(value):
    assert from_tensor(to_tensor(value, dtype("STRING"))) == encoded(value)


def test_raw_content_and_repeated_last_values_are_read():
    raw = tensor_pb2.TensorProto(dtype=dtype("FLOAT"), tensor_content=struct.pack("<2f", 1, 2))
    raw.tensor_shape.dim.add(size=2)
    assert from_tensor(raw) == [1, 2]
    short = tensor_pb2.TensorProto(dtype=dtype("INT64"), int64_val=[1, 2])
    short.tensor_shape.dim.add(size=4)
    assert from_tensor(short) == [1, 2, 2, 2]


def test_a_tensor_that_contradicts_itself_is_refused():
    for tensor in (
        tensor_pb2.TensorProto(dtype=dtype("FLOAT"), float_val=[1, 2]),
        tensor_pb2.TensorProto(dtype=dtype("RESOURCE")),
        tensor_pb2.TensorProto(dtype=dtype("FLOAT"), tensor_content=b"abc"),
    ):
        with pytest.raises(ValueError, match=r"for the shape|no JSON form"):
            from_tensor(tensor)


@given(st.floats(width=32, allow_nan=False))
def test_the_digits_of_a_float32_identify_it(value):
    assert struct.pack("<f", shortest(value)) == struct.pack("<f", value)
    assert shortest(struct.unpack("<f", struct.pack("<f", 0.2))[0]) == 0.2


def test_a_shape_that_no_answer_can_have_is_refused():
    for shape in ([2**40], [2**40, 0], [0, 2**21], [-1, -1], [1] * 2000):
        tensor = tensor_pb2.TensorProto(dtype=dtype("FLOAT"), float_val=[1])
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        with pytest.raises(ValueError, match=r"the shape .* has more than 254 sizes, one below 0, or a product above"):
            from_tensor(tensor)


def test_bits_beyond_half_precision_and_strings_in_raw_content_are_refused():
    with pytest.raises(ValueError, match="half_val has 99999, which is not from 0 to 65535"):
        from_tensor(tensor_pb2.TensorProto(dtype=dtype("HALF"), half_val=[99999]))
    with pytest.raises(ValueError, match="strings in tensor_content are not supported"):
        from_tensor(tensor_pb2.TensorProto(dtype=dtype("STRING"), tensor_content=b"\x01a"))
