"""Configuration files: what they may contain, and what happens when they change."""

import subprocess
import sys

import grpc
import pytest
from tensorflow_serving.apis import model_management_pb2

from local.processes import wait_until
from local.servers import free_port
from serving.__main__ import parse_flags
from serving.config_files.config import read_models
from serving.errors import ConfigRefused
from serving.versions import Policy
from tests.serving.fleet import replace_text, write_config

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
        ("custom_model_config {}", "custom_model_config is not supported"),
        ('model_config_list { config { name: "a" base_path: "/a" } }', "Illegal setting neither"),
        (f"model_config_list {{ config {{ {MODEL} model_type: TENSORFLOW }} }}", "Illegal setting both"),
        (
            'model_config_list { config { name: "a" base_path: "/a" model_type: OTHER } }',
            "model_platform of a is 'OTHER'",
        ),
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
def test_an_invalid_model_config_is_refused_with_its_file_and_the_reason(written, text, reason):
    path = written(text)
    with pytest.raises(ConfigRefused) as refused:
        read_models(path)
    assert str(path) in str(refused.value)
    assert reason in str(refused.value)


def test_an_empty_configuration_has_no_models_and_an_old_one_names_the_platform_by_its_type(written):
    assert read_models(written("")) == read_models(written("model_config_list {}")) == []
    old = 'model_config_list { config { name: "a" base_path: "/a" model_type: TENSORFLOW } }'
    assert [model.name for model in read_models(written(old))] == ["a"]


def test_models_are_added_and_removed_while_the_server_runs(fleet):
    fleet.serve("guest", v3="marked/3")
    assert fleet.mark("guest") == (3, 3)
    fleet.configure(guest=None)
    fleet.wait("guest", END=3)
    with pytest.raises(grpc.RpcError, match=r"Servable not found for request: Latest\(guest\)"):
        fleet.mark("guest")
    fleet.configure(guest="")
    fleet.wait("guest", AVAILABLE=3)
    assert fleet.mark("guest") == (3, 3)


def test_a_config_file_that_cannot_be_read_changes_nothing(fleet):
    path = fleet.folder / "models.config"
    text = path.read_text()
    replace_text(path, text + "config {")
    wait_until(lambda: f"Invalid protobuf file: '{path}'" in fleet.program.log.read_text())
    assert fleet.mark("first") == (1, 1)
    replace_text(path, text)
    fleet.serve("later", v1="marked/2")
    assert fleet.mark("later") == (2, 1)


def reload_config(server, **folders):
    """Send a server another configuration, and return its answer."""
    request = model_management_pb2.ReloadConfigRequest()
    for name, folder in folders.items():
        request.config.model_config_list.config.add(name=name, base_path=str(folder), model_platform="tensorflow")
    return server.models.HandleReloadConfigRequest(request, timeout=120)


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


def test_a_model_that_failed_and_was_removed_is_waited_for_when_it_is_added_again(sample, saved_models, tmp_path):
    (tmp_path / "bad" / "1").mkdir(parents=True)
    with pytest.raises(grpc.RpcError, match="did not become available"):
        reload_config(sample, sample=saved_models / "sample", again=tmp_path / "bad")
    reload_config(sample, sample=saved_models / "sample")
    reload_config(sample, sample=saved_models / "sample", again=saved_models / "marked")
    assert sample.http.post("/v1/models/again:predict", json={"instances": [0]}).json() == {"predictions": [3.0]}
    reload_config(sample, sample=saved_models / "sample")


def test_a_reload_request_without_a_list_is_refused_and_changes_nothing(sample):
    with pytest.raises(grpc.RpcError, match="Only ModelConfigList is currently supported") as refused:
        sample.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), timeout=120)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sample.http.get("/v1/models/sample").status_code == 200


@pytest.mark.parametrize(("text", "value"), [("", True), ("=true", True), ("=false", False), (None, False)])
def test_a_boolean_flag_may_be_bare(text, value):
    given = [] if text is None else [f"--allow_version_labels_for_unavailable_models{text}"]
    flags = parse_flags(["--model_base_path=models/artifacts/digits", *given])
    assert flags.allow_version_labels_for_unavailable_models is value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "error: {path} cannot be read: No such file or directory"),
        (
            "improperly formatted file",
            "error: Invalid protobuf file: '{path}': Error parsing text-format tensorflow.serving.ModelServerConfig: ",
        ),
    ],
)
def test_a_wrong_file_is_reported_in_one_line_before_tensorflow_is_imported(tmp_path, text, said):
    path = tmp_path / "models.config"
    if text:
        path.write_text(text)
    watched = "import sys, runpy; sys.argv = sys.argv[1:]\n"
    watched += "try: runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    watched += "finally: assert 'tensorflow.python' not in sys.modules"
    argv = [sys.executable, "-c", watched, "serving", f"--model_config_file={path}"]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=280, check=False)
    [line] = result.stderr.splitlines()
    assert result.returncode == 1
    assert line.startswith(said.format(path=path))


def test_a_label_in_the_first_configuration_is_refused_because_nothing_is_loaded_yet(tensorflow, tmp_path):
    path = write_config(tmp_path, {"a": 'version_labels { key: "stable" value: 1 }'})
    result = tensorflow.run([sys.executable, "-m", "serving", f"--model_config_file={path}", f"--port={free_port()}"])
    message = "Request to assign label to version 1 of model a, which is not currently available for inference"
    assert result.stderr.splitlines()[-1] == f"error: {message}"
