"""Classify, Regress and MultiInference, over gRPC and REST, in TensorFlow Serving's words."""

import grpc
import pytest
from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

from tests.serving.plugin import run_server

REQUESTS = {"Classify": classification_pb2.ClassificationRequest, "Regress": regression_pb2.RegressionRequest}
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


@pytest.fixture(scope="module")
def served(tensorflow, saved_models, tmp_path_factory):
    """A server of a model whose y is x / 2 + 2; its classes "high" and "löw" have the scores y and y - 1."""
    log = tmp_path_factory.mktemp("examples") / "log"
    yield from run_server(tensorflow, saved_models / "examples", log, "--enable_batching")


def add(given, *values):
    for value in values:
        given.example_list.examples.add().features.feature["x"].float_list.value.append(value)


def ask(served, method, signature, *values):
    request = REQUESTS[method]()
    request.model_spec.name, request.model_spec.signature_name = "examples", signature
    add(request.input, *values)
    return getattr(served.predictions, method)(request, timeout=120)


def refusal(call, *arguments):
    with pytest.raises(grpc.RpcError) as refused:
        call(*arguments)
    return f"{refused.value.code().name}: {refused.value.details()}"


def post(served, method, body):
    return served.http.post(f"/v1/models/examples:{method}", json=body)


def test_classes_and_values_are_those_of_each_example(served):
    response = ask(served, "Classify", "classify", 2, 4)
    found = [[(each.label, each.score) for each in one.classes] for one in response.result.classifications]
    assert found == [[("high", 3), ("l\xf6w", 2)], [("high", 4), ("l\xf6w", 3)]]
    spec = response.model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("examples", "classify", 1)
    assert [each.value for each in ask(served, "Regress", "regress", 2, 4).result.regressions] == [3, 4]


def test_a_signature_may_have_only_classes_or_only_scores_whatever_its_method_is_called(served):
    [[high, _]] = [one.classes for one in ask(served, "Classify", "classes", 2).result.classifications]
    assert (high.label, high.score) == ("high", 0)
    [[high, _]] = [one.classes for one in ask(served, "Classify", "scores", 2).result.classifications]
    assert (high.label, high.score) == ("", 3)


def test_what_an_example_lacks_is_the_contexts(served):
    body = {"signature_name": "regress", "context": {"x": 2.0}, "examples": [{}, {"x": 4.0}]}
    assert post(served, "regress", body).json() == {"results": [3.0, 4.0]}
    request = regression_pb2.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "examples", "regress"
    given = request.input.example_list_with_context
    given.context.features.feature["x"].float_list.value.append(6)
    given.examples.add()
    assert [each.value for each in served.predictions.Regress(request, timeout=120).result.regressions] == [5]


def test_rest_answers_lists_of_labels_and_scores(served):
    body = {"signature_name": "classify", "examples": [{"x": 2.0}, {"x": [0.4]}]}
    answer = post(served, "classify", body)
    assert answer.json() == {"results": [[["high", 3.0], ["l\xf6w", 2.0]], [["high", 2.2], ["l\xf6w", 1.2]]]}


def infer(served, *tasks, values=(2,)):
    request = inference_pb2.MultiInferenceRequest()
    for name, signature, method in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = name, signature
    add(request.input, *values)
    return served.predictions.MultiInference(request, timeout=120)


def test_several_signatures_are_asked_at_once(served):
    response = infer(served, ("examples", "regress", REGRESS), ("examples", "classify", CLASSIFY))
    regressed, classified = response.results
    assert regressed.regression_result.regressions[0].value == 3
    assert classified.classification_result.classifications[0].classes[1].score == 2
    assert (classified.model_spec.signature_name, classified.model_spec.version.value) == ("classify", 1)


ONE = ("examples", "regress", REGRESS)
TASKS = {
    (): "INVALID_ARGUMENT: ModelSpec has no name specified.",
    (ONE, ("", "classify", CLASSIFY)): "INVALID_ARGUMENT: Found ModelSpec with an empty model name.",
    (ONE, ("more", "classify", CLASSIFY)): "INVALID_ARGUMENT: All ModelSpecs in a MultiInferenceRequest must access",
    (ONE, ONE): "INVALID_ARGUMENT: Duplicate evaluation of signature: regress",
    (ONE, ("examples", "none", REGRESS)): "INVALID_ARGUMENT: Requested signature not found in model graph: none",
    (ONE, ("examples", "other", REGRESS)): "INVALID_ARGUMENT: Input tensor must be the same for all Signatures.",
    (("examples", "regress", "predict"),): "UNIMPLEMENTED: Unsupported signature method_name: predict",
    (("none", "regress", REGRESS),): "NOT_FOUND: Servable not found for request: Latest(none)",
}


@pytest.mark.parametrize("tasks", TASKS, ids=str)
def test_tasks_that_contradict_each_other_are_refused(served, tasks):
    assert refusal(infer, served, *tasks).startswith(TASKS[tasks])


def test_recorded_requests_of_each_method_are_replayed_before_a_version_is_served(fleet):
    fleet.serve("replayed", v1="replayed")
    path = fleet.folder / "replayed" / "1" / "assets.extra" / "tf_serving_warmup_requests"
    assert f"warmed up with the 2 requests in {path}" in fleet.program.log.read_text()


SIGNATURES = {
    ("Classify", "none"): "INVALID_ARGUMENT: No signature was found with the name: none",
    ("Classify", ""): "FAILED_PRECONDITION: No classification inputs found in SignatureDef: ",
    ("Regress", "classify"): "INVALID_ARGUMENT: Expected one output Tensor.",
    ("Regress", "scores"): "FAILED_PRECONDITION: No regression outputs found in SignatureDef: ",
    ("Classify", "neither"): "FAILED_PRECONDITION: Expected classification signature outputs to contain at least one",
    ("Classify", "flat"): "INVALID_ARGUMENT: Expected Tensor shape: [batch_size num_classes] but got [2]",
    ("Classify", "text"): "INVALID_ARGUMENT: Expected scores Tensor of DT_FLOAT. Got: DT_STRING",
    ("Classify", "unequal"): "INVALID_ARGUMENT: Tensors class and score should match in dim_size(1). Got 2 vs. 1",
    ("Regress", "wide"): "INVALID_ARGUMENT: Expected output Tensor shape to be either [batch_size] or [batch_size, 1]",
}


@pytest.mark.parametrize(("method", "signature"), SIGNATURES)
def test_a_signature_that_the_method_cannot_use_is_refused(served, method, signature):
    assert refusal(ask, served, method, signature, 2, 3).startswith(SIGNATURES[method, signature])


def test_no_example_and_an_example_without_the_feature_are_refused(served):
    assert refusal(ask, served, "Regress", "regress") == "INVALID_ARGUMENT: Input is empty."
    request = regression_pb2.RegressionRequest()
    assert refusal(served.predictions.Regress, request) == "INVALID_ARGUMENT: Missing ModelSpec"
    answer = post(served, "regress", {"signature_name": "regress", "examples": [{}]})
    assert (answer.status_code, "Feature: x (data type: float) is required" in answer.json()["error"]) == (400, True)


NONSENSE = {
    "Expecting 'examples' value to be an list/array": {"examples": 1},
    "When method is classify, key 'examples' is expected and was not found": {"instances": [1]},
    "'examples' value is an empty array": {"examples": []},
    "Example must be JSON object but got JSON Number": {"examples": [1]},
    "Example must be JSON object but got JSON Array": {"context": [], "examples": [{}]},
    "Feature: x has element with unexpected JSON type: Null": {"examples": [{"x": None}]},
    "Feature: x has element with unexpected JSON type: Array": {"examples": [{"x": [[1.0]]}]},
    "Feature: x has element with unexpected JSON type: Object": {"examples": [{"x": {"b65": ""}}]},
    "Unexpected element type in feature: x expecting type: float": {"examples": [{"x": [1.0, 1]}]},
    "Unexpected element type in feature: x expecting type: int64": {"examples": [{"x": [True, "a"]}]},
    "Feature: x has uint64 element. Only int64 is supported.": {"examples": [{"x": 2**63}]},
    "Cannot convert JSON value: 1e+39 to float without loss of precision.": {"examples": [{"x": 1e39}]},
    "Unable to base64 decode": {"examples": [{"x": {"b64": "*"}}]},
    "'signature_name' key must be a string value.": {"signature_name": 1, "examples": [{}]},
}


@pytest.mark.parametrize("said", NONSENSE)
def test_an_invalid_body_is_refused_in_tensorflow_servings_words(served, said):
    answer = post(served, "classify", NONSENSE[said])
    assert answer.status_code == 400
    assert said in answer.json()["error"]
