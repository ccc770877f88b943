"""What users of Predict find in TensorFlow Serving, with the digits model at any address."""

import base64

import grpc
import pytest

from serving.messages import (
    bytes_tensor,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

OUTPUTS = ["label", "labels", "probabilities", "probability"]


def predict_request(*images, name="digits", **spec):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    for key, value in spec.items():
        setattr(request.model_spec, key, value)
    request.inputs["image"].CopyFrom(bytes_tensor(images))
    return request


def refused(call, request):
    """Return the code and the message with which a gRPC call is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=120)
    return caught.value.code().name, caught.value.details()


def b64(image):
    return {"b64": base64.b64encode(image).decode()}


def test_predict_returns_every_output_with_its_shape_and_the_version_that_answered(digits, digit_images):
    response = digits.predictions.Predict(predict_request(*(i.data for i in digit_images[:3])), timeout=120)
    shapes = {name: [dim.size for dim in tensor.tensor_shape.dim] for name, tensor in response.outputs.items()}
    assert shapes == {"label": [3], "probability": [3], "labels": [3, 10], "probabilities": [3, 10]}
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("digits", 1, "serving_default")


def test_values_are_in_their_typed_fields(digits, digit_images):
    response = digits.predictions.Predict(predict_request(digit_images[0].data), timeout=120)
    assert list(response.outputs["label"].string_val) == [digit_images[0].label.encode()]
    assert len(response.outputs["probabilities"].float_val) == 10


def test_a_call_without_a_deadline_is_answered(digits, digit_images):
    assert digits.predictions.Predict(predict_request(digit_images[0].data)).outputs["label"].string_val


def test_the_output_filter_selects_the_outputs(digits, digit_images):
    request = predict_request(digit_images[0].data)
    request.output_filter.append("label")
    assert list(digits.predictions.Predict(request, timeout=120).outputs) == ["label"]
    request.output_filter.append("other")
    code, text = refused(digits.predictions.Predict, request)
    assert code == "INVALID_ARGUMENT"
    assert text.startswith("output tensor alias not found in signature: other")


def test_a_version_may_be_named(digits, digit_images):
    request = predict_request(digit_images[0].data)
    request.model_spec.version.value = 1
    assert digits.predictions.Predict(request, timeout=120).model_spec.version.value == 1
    request.model_spec.version.value = 12
    expected = ("NOT_FOUND", "Servable not found for request: Specific(digits, 12)")
    assert refused(digits.predictions.Predict, request) == expected


def test_unknown_names_are_refused_with_tensorflow_servings_messages(digits):
    predict = digits.predictions.Predict
    expected = ("NOT_FOUND", "Servable not found for request: Latest(nobody)")
    assert refused(predict, predict_request(name="nobody")) == expected
    expected = ("FAILED_PRECONDITION", 'Serving signature key "other" not found.')
    assert refused(predict, predict_request(signature_name="other")) == expected
    assert refused(predict, predict_request(version_label="canary"))[0] == "INVALID_ARGUMENT"


def test_inputs_that_do_not_fit_the_signature_are_invalid(digits):
    wrong_name, extra, none = predict_request(), predict_request(), predict_request()
    wrong_name.inputs["picture"].CopyFrom(wrong_name.inputs.pop("image"))
    extra.inputs["more"].CopyFrom(extra.inputs["image"])
    none.inputs.clear()
    for request in wrong_name, extra, none:
        assert refused(digits.predictions.Predict, request)[0] == "INVALID_ARGUMENT"


def test_an_undecodable_image_fails_the_request(digits, digit_images):
    request = predict_request(digit_images[0].data, b"not an image")
    assert refused(digits.predictions.Predict, request)[0] == "INVALID_ARGUMENT"


def test_a_request_without_a_model_is_invalid(digits):
    calls = {
        digits.predictions.Predict: predict_pb2.PredictRequest(),
        digits.predictions.GetModelMetadata: get_model_metadata_pb2.GetModelMetadataRequest(),
        digits.models.GetModelStatus: get_model_status_pb2.GetModelStatusRequest(),
    }
    for call, request in calls.items():
        assert refused(call, request) == ("INVALID_ARGUMENT", "Missing ModelSpec")


def test_get_model_metadata_packs_the_signatures(digits):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "digits"
    response = digits.predictions.GetModelMetadata(request, timeout=120)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert sorted(signatures.signature_def["serving_default"].outputs) == OUTPUTS
    assert response.model_spec.version.value == 1


def test_get_model_status_reports_available(digits):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "digits"
    [status] = digits.models.GetModelStatus(request, timeout=120).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert (status.version, status.state, status.status.error_code) == (1, available, 0)
    request.model_spec.name = "nobody"
    expected = ("NOT_FOUND", "Could not find any versions of model nobody")
    assert refused(digits.models.GetModelStatus, request) == expected


@pytest.mark.parametrize("path", ["", "/versions/1"])
def test_rest_status(digits, path):
    answer = digits.http.get(f"/v1/models/digits{path}")
    status = {"error_code": "OK", "error_message": ""}
    expected = {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": status}]}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("path", ["", "/versions/1"])
def test_rest_metadata(digits, path):
    answer = digits.http.get(f"/v1/models/digits{path}/metadata").json()
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert answer["model_spec"] == {"name": "digits", "signature_name": "", "version": "1"}
    assert signature["inputs"]["image"]["dtype"] == "DT_STRING"
    assert sorted(signature["outputs"]) == OUTPUTS


def test_rest_predicts_by_row_and_by_column(digits, digit_images):
    images = [b64(image.data) for image in digit_images[:2]]
    url = "/v1/models/digits/versions/1:predict"
    rows = digits.http.post(url, json={"instances": images}).json()["predictions"]
    named = digits.http.post(url, json={"instances": [{"image": i} for i in images]}).json()["predictions"]
    columns = digits.http.post(url, json={"inputs": images, "signature_name": "serving_default"}).json()["outputs"]
    objects = digits.http.post(url, json={"inputs": {"image": images}}).json()["outputs"]
    assert rows == named
    assert columns == objects
    assert sorted(columns) == sorted(rows[0]) == OUTPUTS
    assert columns["label"] == [row["label"] for row in rows] == [image.label for image in digit_images[:2]]


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/v1/models", 400),
        ("GET", "/v1/models/nobody", 404),
        ("GET", "/v1/models/digits/versions/12", 404),
        ("GET", "/v1/models/nobody/metadata", 404),
        ("POST", "/v1/models/nobody:predict", 404),
        ("POST", "/v1/models/digits/versions/12:predict", 404),
        ("POST", "/v1/models/digits/labels/canary:predict", 400),
        ("POST", "/v1/models/digits:guess", 400),
        ("GET", "/v1/models/digits:predict", 400),
        ("GET", "/v1/models/digits/versions/one", 400),
    ],
)
def test_rest_errors_are_json_with_a_message(digits, method, url, status):
    body = {"instances": [b64(b"")]} if method == "POST" else None
    answer = digits.http.request(method, url, json=body)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


def test_rest_reports_servable_not_found(digits):
    answer = digits.http.post("/v1/models/half:predict", json={"instances": [1.0]})
    assert answer.json() == {"error": "Servable not found for request: Latest(half)"}
