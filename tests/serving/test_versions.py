"""Versions of a model that appear, vanish, fail and have labels, while callers send requests."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from local.processes import ROOT, wait_until
from local.servers import accepts, answers, free_port
from serving.messages import bytes_tensor, predict_pb2, prediction_service_pb2_grpc
from serving.versions import Policy, find

from .fleet import POLL, resident_megabytes, write_config

LABELLED = 'version_labels { key: "stable" value: 1 }'


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (Policy(), [10]),
        (Policy(newest=2), [10, 9]),
        (Policy(newest=7), [10, 9, 1]),
        (Policy(newest=None), [10, 9, 1]),
        (Policy(specific=frozenset({1, 9, 12})), [9, 1]),
    ],
)
def test_a_policy_chooses_by_number_highest_first(policy, chosen):
    assert policy.choose([9, 1, 10]) == chosen


def test_a_folder_whose_number_does_not_fit_in_a_message_is_not_a_version(tmp_path):
    for name in ("1", str(2**63 - 1), str(2**63), "20240101120000123456", "one"):
        (tmp_path / name).mkdir()
    assert sorted(find(tmp_path)) == [1, 2**63 - 1]


def test_a_new_version_replaces_the_old_one(fleet):
    fleet.serve("swapped", v9="marked/1")
    assert fleet.mark("swapped") == (1, 9)
    fleet.put("swapped", 10, "marked/2")
    fleet.wait("swapped", AVAILABLE=10, END=9)
    assert fleet.mark("swapped") == (2, 10)
    assert [version["version"] for version in fleet.status("swapped")] == ["10", "9"]
    with pytest.raises(grpc.RpcError, match=r"Servable not found for request: Specific\(swapped, 9\)"):
        fleet.mark("swapped", version=9)


def test_two_swaps_under_load_fail_no_request_and_mix_no_answers(fleet):
    fleet.serve("busy", v1="marked/1")
    done, told, read = threading.Event(), [], []

    def call(ask, answers):
        while not done.is_set():
            answers.append(ask("busy"))

    def wait_for_answers(version):
        wait_until(lambda: version in read and any(mark == version for mark, _ in list(told)))

    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(call, *kind) for kind in [(fleet.mark, told), (fleet.rest_mark, read)] * 4]
        for version in (2, 3):
            wait_for_answers(version - 1)
            fleet.put("busy", version, f"marked/{version}")
            fleet.wait("busy", AVAILABLE=version, END=version - 1)
        wait_for_answers(3)
        done.set()
        assert [caller.exception() for caller in callers] == [None] * 8
    assert all(mark == version for mark, version in told)
    assert {mark for mark, _ in told} == set(read) == {1, 2, 3}


def test_policies_can_be_changed_while_the_server_runs(fleet):
    fleet.serve(
        "many", "model_version_policy { latest { num_versions: 2 } }", v1="marked/1", v2="marked/2", v3="marked/3"
    )
    fleet.wait("many", AVAILABLE=2)
    assert fleet.states("many") == {3: "AVAILABLE", 2: "AVAILABLE"}
    fleet.configure(many="model_version_policy { specific { versions: 1 versions: 3 } }")
    fleet.wait("many", AVAILABLE=1, END=2)
    assert fleet.mark("many", version=1) == (1, 1)
    fleet.configure(many="model_version_policy { all {} }")
    fleet.wait("many", AVAILABLE=2)
    assert fleet.states("many") == {3: "AVAILABLE", 2: "AVAILABLE", 1: "AVAILABLE"}


def test_a_label_selects_a_loaded_version_in_both_protocols(fleet):
    policy = "model_version_policy { all {} }"
    fleet.serve("labelled", policy, v1="marked/1", v2="marked/2")
    fleet.wait("labelled", AVAILABLE=1)
    fleet.configure(labelled=policy + 'version_labels { key: "stable" value: 1 }')
    wait_until(lambda: fleet.http.get("/v1/models/labelled/labels/stable/metadata").status_code == 200)
    assert fleet.mark("labelled", label="stable") == (1, 1)
    assert fleet.rest_mark("labelled", "/labels/stable") == 1
    assert fleet.http.get("/v1/models/labelled/labels/stable/metadata").json()["model_spec"]["version"] == "1"
    with pytest.raises(grpc.RpcError, match="Unrecognized servable version label: canary") as refused:
        fleet.mark("labelled", label="canary")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_label_for_a_version_that_is_not_loaded_is_refused_and_changes_nothing(fleet):
    fleet.serve("pinned", v1="marked/1")
    fleet.configure(pinned='version_labels { key: "stable" value: 7 }')
    message = "Request to assign label to version 7 of model pinned, which is not currently available for inference"
    wait_until(lambda: message in fleet.program.log.read_text())
    fleet.configure(pinned="")
    assert fleet.http.post("/v1/models/pinned/labels/stable:predict", json={"instances": [0]}).status_code == 400
    assert fleet.mark("pinned") == (1, 1)


def truncate(version):
    model = version / "saved_model.pb"
    model.write_bytes(model.read_bytes()[:100])


def empty(version):
    (version / "saved_model.pb").unlink()


def contradict(version):
    (version / "manifest.json").write_text('{"files": {"saved_model.pb": {"sha256": "0"}}}')


def nothing(version):
    """Leave the version as it is: its warm-up requests fail."""


@pytest.mark.parametrize(
    ("model", "damage", "code", "message"),
    [
        ("marked/2", truncate, "DATA_LOSS", "saved_model.pb"),
        ("marked/2", empty, "NOT_FOUND", "saved_model.pb"),
        ("marked/2", contradict, "DATA_LOSS", "is not what was built"),
        ("cold", nothing, "FAILED_PRECONDITION", 'Serving signature key "other" not found'),
        ("unknown_record", nothing, "UNIMPLEMENTED", "Unsupported log_type for warmup: session_run_log"),
        ("many_records", nothing, "INVALID_ARGUMENT", "Number of warmup records exceeds the maximum (1000)"),
    ],
)
def test_a_version_that_fails_reports_why_and_the_old_one_serves_until_it_is_repaired(
    fleet, model, damage, code, message
):
    name = f"broken_{model.partition('/')[0]}_{damage.__name__}"
    fleet.serve(name, v1="marked/1")
    damage(fleet.put(name, 2, model))
    fleet.wait(name, END=2)
    newest, old = fleet.status(name)
    assert newest["status"]["error_code"] == code
    assert message in newest["status"]["error_message"]
    assert (old["state"], fleet.mark(name)) == ("AVAILABLE", (1, 1))
    shutil.rmtree(fleet.folder / name / "2")
    fleet.put(name, 2, "marked/2")
    fleet.wait(name, AVAILABLE=2, END=1)
    assert fleet.status(name, "/versions/2")[0]["status"] == {"error_code": "OK", "error_message": ""}


def test_a_version_that_is_still_being_written_is_not_loaded(fleet):
    fleet.serve("growing", v1="marked/1")
    version, longest = fleet.folder / "growing" / "2", POLL
    while longest >= POLL:  # after a pause as long as a poll the files count as complete, so try again
        shutil.rmtree(version, ignore_errors=True)
        version.mkdir()
        states: dict[int, str] = {}
        begin, longest, last = time.monotonic(), 0.0, time.monotonic()
        while 2 not in states or time.monotonic() < begin + 5 * POLL:
            with (version / "saved_model.pb").open("ab") as file:
                file.write(b"x")
            states = fleet.states("growing")
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert states == {2: "START", 1: "AVAILABLE"}
    shutil.rmtree(version)
    fleet.wait("growing", END=2)


def test_a_version_that_failed_while_incomplete_is_served_once_it_is_complete(fleet):
    fleet.serve("copied", v1="marked/1")
    version, complete = fleet.folder / "copied" / "2", fleet.saved_models / "marked" / "2"
    version.mkdir()
    shutil.copy(complete / "saved_model.pb", version)
    fleet.wait("copied", END=2)
    assert "variables" in fleet.status("copied", "/versions/2")[0]["status"]["error_message"]
    shutil.copytree(complete, version, dirs_exist_ok=True)
    fleet.wait("copied", AVAILABLE=2, END=1)


def test_a_version_that_vanishes_is_unloaded_and_served_again_when_it_returns(fleet):
    fleet.serve("vanishing", v1="marked/1", v2="marked/2")
    (fleet.folder / "vanishing" / "2").rename(fleet.folder / "aside")
    fleet.wait("vanishing", AVAILABLE=1, END=2)
    assert fleet.mark("vanishing") == (1, 1)
    (fleet.folder / "aside").rename(fleet.folder / "vanishing" / "2")
    fleet.wait("vanishing", AVAILABLE=2, END=1)


@pytest.mark.parametrize("folder", ["synchronous", "serving"])
def test_the_images_health_check_fails_while_no_version_is_served(fleet, folder):
    check = (ROOT / folder / "Dockerfile").read_text().rpartition("    CMD ")[2]
    name = f"checked_{folder}"
    program, *arguments = json.loads(check.replace("8501", str(fleet.http.base_url.port)).replace("digits", name))
    argv = [sys.executable if program == "python" else program, *arguments]

    def healthy():
        env = os.environ | {"http_proxy": "http://127.0.0.1:9"}
        return subprocess.run(argv, env=env, check=False, capture_output=True).returncode == 0

    fleet.serve(name, v1="marked/1")
    wait_until(healthy)
    shutil.rmtree(fleet.folder / name / "1")
    fleet.wait(name, END=1)
    assert not healthy()
    fleet.configure(**{name: None})


def test_a_base_path_that_cannot_be_read_changes_nothing(fleet):
    fleet.serve("lost", v1="marked/1")
    (fleet.folder / "lost").rename(fleet.folder / "elsewhere")
    wait_until(lambda: f"Could not find base path {fleet.folder / 'lost'}" in fleet.program.log.read_text())
    assert fleet.mark("lost") == (1, 1)


def hold(fleet, path):
    """Start a call that lasts until `path`.release exists."""
    request = predict_pb2.PredictRequest(inputs={"image": bytes_tensor([str(path).encode()])})
    request.model_spec.name = "held"
    call = prediction_service_pb2_grpc.PredictionServiceStub(fleet.channel).Predict.future(request, timeout=120)
    wait_until(path.with_name(path.name + ".started").exists)
    return call


def test_an_old_version_is_unloaded_after_its_last_call_has_ended(fleet, tmp_path):
    fleet.serve("held", v1="hold/1")
    call = hold(fleet, tmp_path / "call")
    fleet.put("held", 2, "hold/1")
    fleet.wait("held", AVAILABLE=2, UNLOADING=1)
    (tmp_path / "call.release").touch()
    assert call.result().model_spec.version.value == 1
    fleet.wait("held", END=1)


def test_the_memory_of_old_versions_is_reused(fleet):
    fleet.serve("heavy", v1="heavy")
    sizes = []
    for version in range(2, 14):
        fleet.put("heavy", version, "heavy")
        fleet.wait("heavy", AVAILABLE=version, END=version - 1)
        sizes.append(resident_megabytes(fleet.program.pid))
    # Eleven more versions of 31 MB would be 340 MB. TensorFlow's own threads keep up to three for a while.
    assert min(sizes[-5:]) - min(sizes[:3]) < 110
    fleet.configure(heavy=None)


def test_every_version_is_warmed_up_before_its_first_request(fleet):
    fleet.serve("warm", v1="sample/10")
    fleet.put("warm", 2, "sample/10")
    fleet.wait("warm", AVAILABLE=2)
    request = predict_pb2.PredictRequest()  # over gRPC: REST refuses a signature without inputs
    request.model_spec.name, request.model_spec.signature_name = "warm", "count"
    answer = prediction_service_pb2_grpc.PredictionServiceStub(fleet.channel).Predict(request, timeout=120)
    assert [output.int_val or output.int64_val for output in answer.outputs.values()] == [[3]]  # two were recorded


def test_a_server_waits_for_the_first_version_and_stops_while_it_loads_another(start_preloaded, saved_models, tmp_path):
    port, rest = free_port(), free_port()
    flags = [f"--port={port}", f"--rest_api_port={rest}", f"--file_system_poll_wait_seconds={POLL}"]
    flags += [f"--model_config_file={write_config(tmp_path, {'base': LABELLED})}"]
    argv = [sys.executable, "-m", "serving", *flags, "--allow_version_labels_for_unavailable_models"]
    (tmp_path / "base").mkdir()
    ready = tmp_path / "server-0.log"
    program = start_preloaded("server", argv, lambda: "No versions of servable base" in ready.read_text())
    assert not accepts(port)
    shutil.copytree(saved_models / "marked" / "1", tmp_path / "base" / "1")
    url = f"http://127.0.0.1:{rest}/v1/models/base"
    wait_until(lambda: answers(f"{url}/labels/stable/metadata"))
    shutil.copytree(saved_models / "slow", tmp_path / "base" / "2")  # its warm-up request never ends
    wait_until((saved_models / "slow.started").exists)
    os.kill(program.pid, signal.SIGTERM)
    assert program.wait() == 0
