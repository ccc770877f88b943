"""Configuration files of the embedded server: what they may say, and what happens when they change."""

import grpc
import pytest
from tensorflow_serving.apis import model_management_pb2

from local.processes import wait_until
from serving.config import METRICS_PATH, ConfigRefused, read_metrics_path, read_models
from serving.versions import Policy

MODEL = 'name: "a" base_path: "/a" model_platform: "tensorflow" '


@pytest.fixture
def written(tmp_path):
    def write(text):
        (tmp_path / "file.config").write_text(text)
        return tmp_path / "file.config"

    return write


@pytest.mark.parametrize(
    ("fields", "policy", "labels"),
    [
        ("", Policy(newest=1), {}),
        ("model_version_policy { latest {} }", Policy(newest=1), {}),
        ("model_version_policy: { latest: { num_versions: 3 } }", Policy(newest=3), {}),
        ("model_version_policy { all {} }", Policy(newest=None), {}),
        ("model_version_policy { specific { versions: [2, 5] } }", Policy(specific=frozenset({2, 5})), {}),
        ('version_labels { key: "x" value: 2 } version_labels { key: "y" value: 1 }', Policy(), {"x": 2, "y": 1}),
    ],
)
def test_a_model_config_is_read_as_tensorflow_serving_reads_it(written, fields, policy, labels):
    [model] = read_models(written(f"# one\nmodel_config_list: {{ config: {{ {MODEL} {fields} }}, }}"))
    assert (model.name, str(model.base_path), model.policy, model.labels) == ("a", "/a", policy, labels)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model_config_list { config {", 'Expected "}"'),
        ('model_config_list { config { nme: "a" } }', 'no field named "nme"'),
        ("", "only a model_config_list is supported"),
        (
            f"model_config_list {{ config {{ {MODEL} }} config {{ {MODEL} }} }}",
            "Illegal to list model a multiple times",
        ),
        (
            f"model_config_list {{ config {{ {MODEL.replace('/a', 'a')} }} }}",
            "Expected model a to have an absolute path",
        ),
        (f"model_config_list {{ config {{ {MODEL.replace('tensorflow', 'x')} }} }}", "model_platform of a is 'x'"),
        (f"model_config_list {{ config {{ {MODEL.partition(' ')[2][3:]} }} }}", "has no name"),
        (f"model_config_list {{ config {{ {MODEL} logging_config {{}} }} }}", "logging_config of a is not supported"),
    ],
)
def test_a_model_config_that_makes_no_sense_is_refused_with_its_file_and_the_reason(written, text, reason):
    path = written(text)
    with pytest.raises(ConfigRefused) as refused:
        read_models(path)
    assert str(path) in str(refused.value)
    assert reason in str(refused.value)


def test_a_monitoring_config_says_where_the_metrics_are(written):
    assert read_metrics_path(written("prometheus_config { enable: true }")) == METRICS_PATH
    assert read_metrics_path(written('prometheus_config: { enable: true, path: "/metrics" }')) == "/metrics"
    assert read_metrics_path(written('prometheus_config { path: "/metrics" }')) is None
    for text, reason in (
        ("prometheus { enable: true }", "no field named"),
        ("prometheus_config { path: 5 }", "string"),
    ):
        with pytest.raises(ConfigRefused, match=reason):
            read_metrics_path(written(text))


def test_models_are_added_and_taken_out_while_the_server_runs(fleet):
    fleet.serve("guest", v3="marked/3")
    assert fleet.mark("guest") == (3, 3)
    fleet.configure(guest=None)
    fleet.wait("guest", END=3)
    with pytest.raises(grpc.RpcError, match=r"Servable not found for request: Latest\(guest\)"):
        fleet.mark("guest")
    fleet.configure(guest="")
    fleet.wait("guest", AVAILABLE=3)
    assert fleet.mark("guest") == (3, 3)


def test_a_config_file_that_cannot_be_read_leaves_all_as_it_is(fleet):
    path = fleet.folder / "models.config"
    text = path.read_text()
    path.write_text(text + "config {")
    wait_until(lambda: f"{path} cannot be read" in fleet.program.log.read_text())
    assert fleet.mark("first") == (1, 1)
    path.write_text(text)
    fleet.serve("later", v1="marked/2")
    assert fleet.mark("later") == (2, 1)


@pytest.mark.parametrize("model", ["keras", "tensorflow_1"])
def test_saved_models_of_keras_3_and_of_tensorflow_1_are_served(fleet, model):
    fleet.serve(model, v1=model)
    signature = fleet.http.get(f"/v1/models/{model}/metadata").json()["metadata"]["signature_def"]["signature_def"]
    [name] = signature["serving_default"]["inputs"]
    answer = fleet.http.post(f"/v1/models/{model}:predict", json={"inputs": {name: [[1, 2], [3.5, 4]]}})
    assert answer.json() == {"outputs": [[3.0], [7.5]]}


def reload_config(server, **folders):
    """Ask a server for other models, and return its answer."""
    request = model_management_pb2.ReloadConfigRequest()
    for name, folder in folders.items():
        request.config.model_config_list.config.add(name=name, base_path=str(folder), model_platform="tensorflow")
    return server.models.HandleReloadConfigRequest(request, timeout=20)


def test_a_reload_request_returns_when_the_new_models_are_served(sample, saved_models, tmp_path):
    (tmp_path / "bad" / "1").mkdir(parents=True)
    reload_config(sample, sample=saved_models / "sample", marked=saved_models / "marked")
    answer = sample.http.post("/v1/models/marked:predict", json={"instances": [0]})
    assert answer.json() == {"predictions": [3.0]}
    with pytest.raises(grpc.RpcError, match=r"1 model\(s\) did not become available: {bad}") as failed:
        reload_config(sample, sample=saved_models / "sample", bad=tmp_path / "bad")
    assert failed.value.code() is grpc.StatusCode.UNKNOWN
    reload_config(sample, sample=saved_models / "sample")
    assert sample.http.post("/v1/models/marked:predict", json={"instances": [0]}).status_code == 404


def test_a_model_that_failed_before_it_was_taken_out_is_waited_for_when_it_comes_again(sample, saved_models, tmp_path):
    (tmp_path / "bad" / "1").mkdir(parents=True)
    with pytest.raises(grpc.RpcError, match="did not become available"):
        reload_config(sample, sample=saved_models / "sample", again=tmp_path / "bad")
    reload_config(sample, sample=saved_models / "sample")
    reload_config(sample, sample=saved_models / "sample", again=saved_models / "marked")
    assert sample.http.post("/v1/models/again:predict", json={"instances": [0]}).json() == {"predictions": [3.0]}
    reload_config(sample, sample=saved_models / "sample")


def test_a_reload_request_without_a_list_is_refused_and_changes_nothing(sample):
    with pytest.raises(grpc.RpcError, match="only a model_config_list is supported") as refused:
        sample.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), timeout=10)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sample.http.get("/v1/models/sample").status_code == 200
