"""The embedded server as a program: flags, models it refuses, ports, the end."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from local.processes import wait_until
from local.servers import accepts, free_port
from serving.__main__ import listening
from serving.flags import parse_flags
from synchronous.client import Prediction, ServingError
from synchronous.transports import GrpcTransport

from .fleet import write_config

REQUIRED = ["--model_name=digits", "--model_base_path=models/artifacts/digits"]


def run(*flags):
    argv = [sys.executable, "-m", "serving", *map(str, flags)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def refusal(base_path, *flags):
    """Return the line with which the server refuses to start on `base_path`."""
    result = run("--model_name=m", f"--model_base_path={base_path}", *flags)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


def test_flags_take_a_space_or_an_equals_sign_and_have_tensorflow_servings_defaults():
    flags = parse_flags(["--model_name", "digits", "--model_base_path=/models/digits", "--rest_api_port", "8501"])
    assert (flags.model_name, str(flags.model_base_path)) == ("digits", "/models/digits")
    assert (flags.port, flags.rest_api_port, flags.rest_api_timeout_in_ms) == (8500, 8501, 30_000)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ([*REQUIRED, "--modelname=a"], "--modelname=a"),
        ([*REQUIRED, "--port=0"], "--port"),
        ([*REQUIRED, "--port=x"], "'x' is not a port"),
        ([*REQUIRED, "--rest_api_port=65536"], "'65536' is not a port"),
        ([*REQUIRED, "--rest_api_port=8500"], "--rest_api_port cannot be the same as --port"),
        ([*REQUIRED, "--file_system_poll_wait_seconds=-1"], "seconds from 0"),
        ([*REQUIRED, "--allow_version_labels_for_unavailable_models=perhaps"], "neither true nor false"),
        ([*REQUIRED, "--model_config_file=f"], "--model_config_file goes without --model_name"),
        ([*REQUIRED, "--model_config_file_poll_wait_seconds=1"], "goes with --model_config_file"),
        ([*REQUIRED, "--monitoring_config_file=f"], "needs a --rest_api_port"),
        (["--model_name=a"], "--model_base_path or --model_config_file is required"),
    ],
)
def test_an_unknown_flag_a_wrong_value_and_a_contradiction_are_errors(flags, reason, capsys):
    with pytest.raises(SystemExit, match="2"):
        parse_flags(flags)
    usage, error = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: ")
    assert reason in error


@pytest.mark.parametrize(("text", "value"), [("", True), ("=true", True), ("=false", False), (None, False)])
def test_a_boolean_flag_may_be_bare(text, value):
    flag = "--allow_version_labels_for_unavailable_models"
    assert (
        parse_flags(REQUIRED + ([] if text is None else [flag + text])).allow_version_labels_for_unavailable_models
        is value
    )


@pytest.mark.parametrize("text", [None, "model_config_list { config { nme: 'a' } }"])
def test_a_wrong_file_is_one_line_before_tensorflow_is_imported(tmp_path, text):
    path = tmp_path / "models.config"
    if text:
        path.write_text(text)
    watched = "import sys, runpy; sys.argv = sys.argv[1:]\n"
    watched += "try: runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    watched += "finally: assert 'tensorflow.python' not in sys.modules"
    argv = [sys.executable, "-c", watched, "serving", f"--model_config_file={path}"]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    [line] = result.stderr.splitlines()
    assert result.returncode == 1
    assert line.startswith(f"error: {path} cannot be read: ")


def test_an_altered_model_is_refused(artifacts, tmp_path):
    shutil.copytree(artifacts / "digits", tmp_path / "digits")
    with next((tmp_path / "digits" / "1").glob("variables/*.data*")).open("ab") as file:
        file.write(b"\0")
    assert "is not what was built: sha256" in refusal(tmp_path / "digits")


def test_a_folder_without_a_version_is_refused_when_it_is_looked_at_only_once(tmp_path):
    (tmp_path / "one").mkdir()
    expected = f"error: no versions found under base path {tmp_path}"
    assert refusal(tmp_path, "--file_system_poll_wait_seconds=0") == expected


def test_a_label_at_the_start_is_refused_because_nothing_is_loaded_yet(tmp_path):
    path = write_config(tmp_path, {"a": 'version_labels { key: "stable" value: 1 }'})
    result = run(f"--model_config_file={path}", f"--port={free_port()}")
    message = "Request to assign label to version 1 of model a, which is not currently available for inference"
    assert result.stderr.splitlines()[-1] == f"error: {message}"


def test_a_folder_that_holds_no_saved_model_is_refused(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"not a model")
    assert refusal(tmp_path).startswith(f"error: {tmp_path}/1 cannot be served: ")


def test_a_taken_port_is_refused(sample, saved_models):
    taken = sample.grpc.split(":")[1]
    assert taken in refusal(saved_models / "sample", f"--port={taken}")


def test_a_rest_call_in_flight_ends_before_the_server_does(free_port):
    started, release = threading.Event(), threading.Event()

    def slow(request):
        started.set()
        return PlainTextResponse(str(release.wait(10)))

    port = free_port()
    flags = parse_flags([*REQUIRED, f"--port={free_port()}", f"--rest_api_port={port}"])
    with ThreadPoolExecutor() as pool:
        with listening(grpc.server(pool), Starlette(routes=[Route("/", slow)]), flags):
            wait_until(lambda: accepts(port))
            answer = pool.submit(httpx.get, f"http://127.0.0.1:{port}/")
            assert started.wait(10)
            threading.Timer(0.3, release.set).start()
        assert release.is_set()
        assert answer.result().text == "True"


def test_a_signal_that_comes_up_in_a_finalizer_ends_a_server_that_waits_for_its_first_version(tmp_path):
    code = """if True:
        import os, signal
        from serving import __main__ as server
        from serving.catalogue import Catalogue

        class Finalized:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)

        configure = Catalogue.configure
        Catalogue.configure = lambda self, models: configure(self, models) or (Finalized() and None)
        server.main()"""
    argv = [sys.executable, "-c", code, f"--model_base_path={tmp_path}", f"--port={free_port()}"]
    assert subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 0


def test_sigterm_lets_calls_end_accepts_no_more_and_waits_for_none_for_ever(holding):
    with holding.client("grpc") as first, holding.client("rest") as second, ThreadPoolExecutor() as pool:
        transport = GrpcTransport(f"127.0.0.1:{holding.port}")
        endless = pool.submit(transport.predict, "hold", [holding.image(transport)], 60)
        calls = {client: pool.submit(client.predict, [holding.image(client)], 30) for client in (first, second)}
        wait_until(lambda: all(map(holding.started, (first, second, transport))))
        os.kill(holding.program.pid, signal.SIGTERM)
        wait_until(lambda: not accepts(holding.port) and not accepts(holding.rest_port))
        os.kill(holding.program.pid, signal.SIGINT)  # one more signal does not cut the calls off
        for client, call in calls.items():
            holding.release(client)
            assert call.result() == [Prediction(holding.image(client).decode(), 1.0)]
        assert holding.program.wait(10) == 0
        assert isinstance(endless.exception(), ServingError)
