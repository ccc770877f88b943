"""Flags that change what is served: tags, warm-up, pages of other origins; and defaults that a signature has."""

import grpc
import pytest

from local.servers import free_port
from serving.messages import predict_pb2, types_pb2
from tests.serving.plugin import run_server, server_argv

FLAGS = ["--saved_model_tags=other", "--enable_model_warmup=false", "--rest_api_enable_cors_support"]
ORIGIN = {"Origin": "http://page.test"}


@pytest.fixture(scope="module")
def tagged(tensorflow, saved_models, tmp_path_factory):
    """A server of y = x * scale, saved under the tag "other", with a warm-up request that would fail."""
    yield from run_server(tensorflow, saved_models / "tagged", tmp_path_factory.mktemp("tagged") / "log", *FLAGS)


def request(signature, **inputs):
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = "tagged", signature
    for name, value in inputs.items():
        message.inputs[name].dtype = types_pb2.DT_FLOAT
        message.inputs[name].float_val.append(value)
    return message


def test_an_input_that_is_not_sent_has_the_default_of_its_signature(tagged):
    assert tagged.predictions.Predict(request("scaled", x=3), timeout=120).outputs["y"].float_val == [6]
    assert tagged.predictions.Predict(request("scaled", x=3, scale=5), timeout=120).outputs["y"].float_val == [15]


def test_a_model_without_the_default_signature_is_asked_by_name(tagged):
    with pytest.raises(grpc.RpcError, match='Serving signature key "serving_default" not found') as refused:
        tagged.predictions.Predict(request("", x=3), timeout=120)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    answer = tagged.http.post("/v1/models/tagged:predict", json={"inputs": {"x": 3, "scale": 2}})
    assert answer.json() == {"error": 'Serving signature name: "serving_default" not found in signature def'}
    named = {"signature_name": "scaled", "inputs": {"x": [3], "scale": 2}}
    assert tagged.http.post("/v1/models/tagged:predict", json=named).json() == {"outputs": [6.0]}


def test_pages_of_other_origins_may_ask_only_if_the_flag_says_so(tagged, sample):
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert tagged.http.options("/v1/models/tagged:predict", headers=asked).status_code == 200
    allowed = "access-control-allow-origin"
    assert tagged.http.get("/v1/models/tagged", headers=ORIGIN).headers[allowed] == "*"
    assert allowed not in sample.http.get("/v1/models/sample", headers=ORIGIN).headers


@pytest.mark.parametrize(
    ("flags", "said"),
    [([], "MetaGraphDef associated with tags"), (FLAGS[:1], 'Serving signature key "none" not found')],
)
def test_without_the_tag_or_with_warm_up_the_model_does_not_load(tensorflow, saved_models, flags, said):
    ended = tensorflow.run(server_argv(saved_models / "tagged", free_port(), free_port(), *flags))
    assert ended.returncode == 1
    assert said in ended.stderr.splitlines()[-1]
