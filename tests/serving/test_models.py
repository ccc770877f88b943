"""Models other than image classifiers: every type, several signatures, unusual requests."""

import json
import math
import socket

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
EXTREMES = {
    "bool": [True, False], "int8": [-128, 127], "uint8": [0, 255], "int16": [-(2**15), 2**15 - 1],
    "uint16": [0, 2**16 - 1], "int32": [-(2**31), 2**31 - 1], "uint32": [0, 2**32 - 1],
    "int64": [-(2**63), 2**63 - 1], "uint64": [0, 2**64 - 1], "float16": [65504.0, -0.5],
    "float32": [0.1, -3.0e38], "float64": [1e-300, 1.7e308],
}  # fmt: skip
REAL = pytest.mark.parametrize("name", EXTREMES)


def predict_request(signature, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "sample", signature
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tensor)
    return request


def predict(server, signature, **inputs):
    return server.predictions.Predict(predict_request(signature, **inputs), timeout=10).outputs


def refused(server, signature, **inputs):
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, signature, **inputs)
    return caught.value.code().name


def tensor(dtype, field, values, *shape):
    proto = tensor_pb2.TensorProto(dtype=getattr(types_pb2, dtype), **{field: values})
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


def post(server, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.http.post("/v1/models/sample:predict", content=content)


def columns(server, signature, inputs):
    answer = post(server, {"signature_name": signature, "inputs": inputs})
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]


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


@pytest.mark.parametrize(
    "wrong",
    [
        tensor("DT_FLOAT", "float_val", [1, 2, 3], 2),
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


def test_a_long_name_in_an_error_message_does_not_exceed_the_size_of_a_status(sample):
    assert {refused(sample, "\U0001f600" * 3000) for _ in range(20)} == {"FAILED_PRECONDITION"}


def test_a_shape_that_does_not_fit_the_signature_is_invalid(sample):
    pair, n = tensor("DT_FLOAT", "float_val", [1, 2, 3], 1, 3), tensor("DT_INT64", "int64_val", [1], 1)
    assert refused(sample, "serving_default", pair=pair, n=n) == "INVALID_ARGUMENT"


def test_methods_that_do_not_exist_are_unimplemented(sample):
    call = grpc.insecure_channel(sample.grpc).unary_unary("/tensorflow.serving.PredictionService/Classify")
    with pytest.raises(grpc.RpcError, match="does not answer Classify") as caught:
        call(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert sample.http.post("/v1/models/sample:classify", json={}).status_code == 501


def test_the_highest_version_is_served_and_was_warmed_up(sample):
    assert sample.http.get("/v1/models/sample").json()["model_version_status"][0]["version"] == "10"
    assert columns(sample, "count", {}) == [3]  # the first two calls are the recorded ones


def test_messages_may_be_large(sample):
    sent = tensor("DT_STRING", "string_val", [b"x" * 20_000_000], 1)
    channel = grpc.insecure_channel(sample.grpc, options=[("grpc.max_receive_message_length", -1)])
    call = channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict",
        predict_pb2.PredictRequest.SerializeToString,
        predict_pb2.PredictResponse.FromString,
    )
    assert call(predict_request("echo_string", x=sent), timeout=20).outputs["y"] == sent


@REAL
def test_rest_keeps_the_extremes_of_every_type(sample, name):
    values = EXTREMES[name]
    assert columns(sample, f"echo_{name}", [values, values]) == [values, values]


MISFITS = {
    "int8": [128, 1.5], "uint8": [-1], "int64": [2**63], "int32": [True, "1"], "bool": [1, None],
    "float16": [70000.0], "float32": [1e39, "1", True, None, [[1, 2], [3]], [1, [2]]], "float64": [10**400],
    "string": [1, {"b64": "*"}, {"x": "y"}, "\ud800"], "complex64": [1], "bfloat16": [1],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in MISFITS for value in MISFITS[name]])
def test_rest_refuses_what_does_not_fit_the_type(sample, name, value):
    answer = post(sample, {"signature_name": f"echo_{name}", "inputs": {"x": value}})
    assert answer.status_code == 400
    assert len(answer.json()["error"]) < 300


def test_a_client_that_disconnects_during_its_request_is_not_an_error(fleet):
    with socket.create_connection((fleet.http.base_url.host, fleet.http.base_url.port), timeout=20) as caller:
        caller.sendall(b"POST /v1/models/first:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        caller.shutdown(socket.SHUT_WR)
        assert caller.recv(1) == b""
    assert fleet.rest_mark("first") == 1
    assert "ClientDisconnect" not in fleet.program.log.read_text()


def test_rest_reads_and_writes_not_a_number_and_infinity(sample):
    answer = post(sample, b'{"signature_name": "echo_float32", "inputs": [NaN, Infinity, -Infinity]}')
    nan, *infinities = json.loads(answer.content)["outputs"]
    assert math.isnan(nan)
    assert infinities == [math.inf, -math.inf]


def test_rest_writes_float32_as_short_as_it_was_sent(sample):
    assert columns(sample, "echo_float32", [0.2, 1.1e-7]) == [0.2, 1.1e-7]


def test_rest_rows_name_several_inputs_and_outputs(sample):
    rows = [{"pair": [1, 2], "n": 3}, {"pair": [4.5, 5], "n": -6}]
    answer = post(sample, {"instances": rows}).json()
    assert answer == {"predictions": [{"total": 3.0, "twice": 6}, {"total": 9.5, "twice": -12}]}
    by_column = columns(sample, "serving_default", {"pair": [[1, 2], [4.5, 5]], "n": [3, -6]})
    assert by_column == {"total": [3.0, 9.5], "twice": [6, -12]}


def test_rest_omits_the_name_of_a_single_output(sample):
    answer = post(sample, {"signature_name": "echo_int32", "instances": [[1, 2], [3, 4]]})
    assert answer.json() == {"predictions": [[1, 2], [3, 4]]}


def test_rest_writes_bytes_in_base64_and_text_as_text(sample):
    answer = post(sample, {"signature_name": "strings", "instances": ["abc", {"b64": "ZMO8"}]})
    first, second = answer.json()["predictions"]
    assert first == {"text": "ABC", "image_bytes": {"b64": "YWJj"}}
    assert second["image_bytes"] == {"b64": "ZMO8"}


def test_rest_answers_without_a_batch_dimension_by_column_only(sample):
    assert columns(sample, "mean", [1, 2, 6]) == 3.0
    assert post(sample, {"signature_name": "mean", "instances": [1, 2, 6]}).status_code == 400


NONSENSE = [
    b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"{}",
    b'{"instances": [], "inputs": []}', b'{"instances": []}', b'{"instances": 5}', b'{"instances": [1.0]}',
    b'{"instances": [{"pair": [1, 2]}]}', b'{"instances": [{"pair": [1, 2], "n": 1}, 5]}',
    b'{"inputs": [1.0]}', b'{"inputs": null}', b'{"inputs": {"pair": [[1, 2]]}}',
    b'{"inputs": {"pair": [[1, 2, 3]], "n": [1]}}', b'{"inputs": {"n": 1, "pair": ' + b"[" * 99 + b"]" * 99 + b"}}",
    b'{"signature_name": 5, "inputs": 5}', b'{"signature_name": "other", "inputs": 5}',
]  # fmt: skip


@pytest.mark.parametrize("body", NONSENSE)
def test_rest_refuses_an_invalid_body(sample, body):
    answer = post(sample, body)
    assert answer.status_code == 400
    assert answer.json()["error"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just({"b64": "YQ=="}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["pair", "n", "b64", "x"]), inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["instances", "inputs"]), anything, st.sampled_from(["serving_default", "strings", "echo_int8"]))
def test_rest_gives_any_json_an_answer_or_a_reason(sample, key, value, signature):
    answer = post(sample, {"signature_name": signature, key: value})
    assert answer.status_code in (200, 400), answer.text
    assert answer.json()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([0, 1, 2, 3, 7, 9, 10, 14, 19, 20, 101]), st.lists(st.integers(-2, 5), max_size=4), st.binary())
def test_any_tensor_gets_an_answer_or_invalid_argument(sample, kind, shape, content):
    sent = tensor("DT_FLOAT", "tensor_content", content, *shape)
    sent.dtype = kind
    answer = sample.predictions.Predict.future(predict_request("echo_float32", x=sent), timeout=10)
    assert answer.code() in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), answer.details()


def test_an_image_model_takes_strings_of_any_shape_it_declares(sample):
    assert refused(sample, "strings", text=tensor("DT_STRING", "string_val", [b"a"], 1, 1)) == "INVALID_ARGUMENT"
    assert predict(sample, "strings", text=bytes_tensor([]))["text"].tensor_shape.dim[0].size == 0


@pytest.mark.parametrize("model", ["keras", "tensorflow_1"])
def test_saved_models_of_keras_3_and_tensorflow_1_are_served(fleet, model):
    fleet.serve(model, v1=model)
    signature = fleet.http.get(f"/v1/models/{model}/metadata").json()["metadata"]["signature_def"]["signature_def"]
    [name] = signature["serving_default"]["inputs"]
    answer = fleet.http.post(f"/v1/models/{model}:predict", json={"inputs": {name: [[1, 2], [3.5, 4]]}})
    assert answer.json() == {"outputs": [[3.0], [7.5]]}
