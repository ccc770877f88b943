"""Models other than image classifiers: every type, several signatures, unusual requests."""

import math

import grpc
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.messages import bytes_tensor, predict_pb2, tensor_pb2, types_pb2

FIELDS = {
    "bool": "bool_val", "int8": "int_val", "uint8": "int_val", "int16": "int_val", "uint16": "int_val",
    "int32": "int_val", "uint32": "uint32_val", "int64": "int64_val", "uint64": "uint64_val",
    "float32": "float_val", "float64": "double_val", "complex64": "scomplex_val", "complex128": "dcomplex_val",
}  # fmt: skip


def predict_request(signature, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "sample", signature
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tensor)
    return request


def predict(server, signature, **inputs):
    return server.predictions.Predict(predict_request(signature, **inputs), timeout=120).outputs


def refused(server, signature, **inputs):
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, signature, **inputs)
    return caught.value.code().name


def tensor(dtype, field, values, *shape):
    proto = tensor_pb2.TensorProto(dtype=getattr(types_pb2, dtype), **{field: values})
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize("name", FIELDS)
def test_every_number_type_is_returned_in_its_field(sample, name):
    values = [1, 0, 1, 1, 0, 1]
    count = 3 if name.startswith("complex") else 6
    sent = tensor(f"DT_{dtype(name)}", FIELDS[name], values, count // 3, 3)
    assert predict(sample, f"echo_{name}", x=sent)["y"] == sent


def dtype(name):
    return {"float32": "FLOAT", "float64": "DOUBLE"}.get(name, name.upper())


@pytest.mark.parametrize(("name", "numpy_type"), [("half", np.float16), ("bfloat16", ml_dtypes.bfloat16)])
def test_half_precision_is_returned_bit_by_bit(sample, name, numpy_type):
    bits = np.array([1.5, -2.25], numpy_type).view(np.uint16).tolist()
    sent = tensor(f"DT_{name.upper()}", "half_val", bits, 2)
    assert predict(sample, "echo_float16" if name == "half" else "echo_bfloat16", x=sent)["y"] == sent


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 2, 1, 1, 2)])
def test_every_rank_is_returned_with_its_shape(sample, shape):
    sent = tensor("DT_FLOAT", "float_val", list(range(math.prod(shape))), *shape)
    assert predict(sample, "echo_float32", x=sent)["y"] == sent
    texts = tensor("DT_STRING", "string_val", [b"\xff"] * math.prod(shape), *shape)
    assert predict(sample, "echo_string", x=texts)["y"] == texts


def test_raw_content_and_repeated_last_values_are_read(sample):
    raw = tensor("DT_FLOAT", "tensor_content", np.array([1, 2], np.float32).tobytes(), 2)
    assert list(predict(sample, "echo_float32", x=raw)["y"].float_val) == [1, 2]
    short = tensor("DT_FLOAT", "float_val", [1, 2], 4)
    assert list(predict(sample, "echo_float32", x=short)["y"].float_val) == [1, 2, 2, 2]


def test_strings_in_raw_content_are_read_and_refused_if_they_are_not_whole(sample):
    content = b"\x01\x00\xac\x02" + b"a" + b"b" * 300
    raw = tensor("DT_STRING", "tensor_content", content, 3, 1)
    assert list(predict(sample, "echo_string", x=raw)["y"].string_val) == [b"a", b"", b"b" * 300]
    for wrong in (content[:-1], content + b"c", b"\x80", b"\x01"):
        raw.tensor_content = wrong
        assert refused(sample, "echo_string", x=raw) == "INVALID_ARGUMENT"


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("shape", [(), (2,), (0,)])
def test_values_beyond_the_shape_are_ignored(sample, name, shape):
    count = math.prod(shape) * (2 if name.startswith("complex") else 1)
    sent = tensor(f"DT_{dtype(name)}", FIELDS[name], [1, 0, 1, 1, 0, 1], *shape)
    kept = tensor(f"DT_{dtype(name)}", FIELDS[name], [1, 0, 1, 1][:count], *shape)
    assert predict(sample, f"echo_{name}", x=sent)["y"] == kept
    texts = tensor("DT_STRING", "string_val", [b"a", b"b", b"c"], *shape)
    assert list(predict(sample, "echo_string", x=texts)["y"].string_val) == [b"a", b"b"][: math.prod(shape)]


@pytest.mark.parametrize(
    "wrong",
    [
        tensor("DT_FLOAT", "float_val", [1], -1),
        tensor("DT_FLOAT", "float_val", [1], 2**40),
        tensor("DT_FLOAT", "tensor_content", b"abc", 1),
        tensor("DT_DOUBLE", "double_val", [1], 1),
        tensor("DT_INVALID", "float_val", [1], 1),
        tensor("DT_RESOURCE", "float_val", [1], 1),
    ],
)
def test_a_tensor_that_contradicts_itself_or_the_signature_is_invalid(sample, wrong):
    assert refused(sample, "echo_float32", x=wrong) == "INVALID_ARGUMENT"


BEYOND = [("int8", "int_val", 300), ("uint8", "int_val", 256), ("int16", "int_val", 40000), ("uint16", "int_val", -1)]
BEYOND += [(name, "half_val", bits) for name in ("half", "bfloat16") for bits in (70000, -1)]


@pytest.mark.parametrize(("name", "field", "value"), BEYOND)
def test_an_integer_beyond_its_type_is_invalid(sample, name, field, value):
    signature = "echo_float16" if name == "half" else f"echo_{name}"
    assert refused(sample, signature, x=tensor(f"DT_{name.upper()}", field, [value], 1)) == "INVALID_ARGUMENT"


def test_a_wrong_type_is_named_with_the_number_of_the_input(sample):
    one = tensor("DT_BOOL", "bool_val", [True], 1)
    with pytest.raises(grpc.RpcError, match=r"Expects arg\[0\] to be float but bool is provided"):
        predict(sample, "echo_float32", x=one)
    n, pair = tensor("DT_FLOAT", "float_val", [1], 1), tensor("DT_FLOAT", "float_val", [1, 2], 1, 2)
    with pytest.raises(grpc.RpcError, match=r"Expects arg\[0\] to be int64 but float is provided"):
        predict(sample, "serving_default", pair=pair, n=n)


def test_a_long_name_in_an_error_message_does_not_exceed_the_size_of_a_status(sample):
    assert {refused(sample, "\U0001f600" * 3000) for _ in range(20)} == {"FAILED_PRECONDITION"}


def test_the_graph_and_not_the_shape_in_the_signature_decides_what_it_can_take(sample):
    pair, n = tensor("DT_FLOAT", "float_val", [1, 2, 3], 1, 3), tensor("DT_INT64", "int64_val", [1], 1)
    assert list(predict(sample, "serving_default", pair=pair, n=n)["total"].float_val) == [6]
    flat = tensor("DT_FLOAT", "float_val", [1, 2, 3], 3)
    assert refused(sample, "serving_default", pair=flat, n=n) == "INVALID_ARGUMENT"
    assert list(predict(sample, "half_plus_two", x=flat)["y"].float_val) == [2.5, 3, 3.5]


def test_the_operation_that_initialises_the_model_is_not_run(sample):
    with pytest.raises(grpc.RpcError, match=r"FetchOutputs NoOp:0: output index too large, must be < 0") as caught:
        predict(sample, "__saved_model_init_op")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_methods_that_do_not_exist_are_unimplemented(sample):
    for name in "SessionService/SessionRun", "PredictionService/PredictStreamed":
        call = grpc.insecure_channel(sample.grpc).unary_unary(f"/tensorflow.serving.{name}")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=120)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_highest_version_is_served_and_was_warmed_up(sample):
    assert sample.http.get("/v1/models/sample").json()["model_version_status"][0]["version"] == "10"
    assert list(predict(sample, "count")["calls"].int_val) == [3]  # the first two calls are the recorded ones


def test_messages_may_be_large(sample):
    sent = tensor("DT_STRING", "string_val", [b"x" * 20_000_000], 1)
    channel = grpc.insecure_channel(sample.grpc, options=[("grpc.max_receive_message_length", -1)])
    call = channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict",
        predict_pb2.PredictRequest.SerializeToString,
        predict_pb2.PredictResponse.FromString,
    )
    assert call(predict_request("echo_string", x=sent), timeout=120).outputs["y"] == sent


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([0, 1, 2, 3, 7, 9, 10, 14, 19, 20, 101]), st.lists(st.integers(-2, 5), max_size=4), st.binary())
def test_any_tensor_gets_an_answer_or_invalid_argument(sample, kind, shape, content):
    sent = tensor("DT_FLOAT", "tensor_content", content, *shape)
    sent.dtype = kind
    answer = sample.predictions.Predict.future(predict_request("echo_float32", x=sent), timeout=120)
    assert answer.code() in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), answer.details()


def test_no_strings_get_no_answers(sample):
    assert predict(sample, "strings", text=bytes_tensor([]))["text"].tensor_shape.dim[0].size == 0


@pytest.mark.parametrize("model", ["keras", "tensorflow_1"])
def test_saved_models_of_keras_3_and_tensorflow_1_are_served(fleet, model):
    fleet.serve(model, v1=model)
    signature = fleet.http.get(f"/v1/models/{model}/metadata").json()["metadata"]["signature_def"]["signature_def"]
    [name] = signature["serving_default"]["inputs"]
    answer = fleet.http.post(f"/v1/models/{model}:predict", json={"inputs": {name: [[1, 2], [3.5, 4]]}})
    assert answer.json() == {"outputs": [[3.0], [7.5]]}
