"""The server as a program: models that it refuses, ports, shutdown."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from local.processes import wait_until
from local.servers import accepts, free_port
from serving import ports
from serving.__main__ import parse_flags
from serving.ports import listening
from synchronous.client import Prediction, ServingError
from synchronous.transport import GrpcTransport

REQUIRED = ["--model_name=digits", "--model_base_path=models/artifacts/digits"]


def run(argv):
    return subprocess.run(argv, capture_output=True, text=True, timeout=280, check=False)


def refusal(run, base_path, *flags):
    """Return the line with which the server refuses to start on `base_path`."""
    result = run([sys.executable, "-m", "serving", "--model_name=m", f"--model_base_path={base_path}", *flags])
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


def test_an_altered_model_is_refused(artifacts, tmp_path):
    shutil.copytree(artifacts / "digits", tmp_path / "digits")
    with next((tmp_path / "digits" / "1").glob("variables/*.data*")).open("ab") as file:
        file.write(b"\0")
    assert "is not what was built: sha256" in refusal(run, tmp_path / "digits")


def test_a_folder_without_a_version_is_refused_if_it_is_read_only_once(tensorflow, tmp_path):
    (tmp_path / "one").mkdir()
    expected = f"error: no versions found under base path {tmp_path}"
    assert refusal(tensorflow.run, tmp_path, "--file_system_poll_wait_seconds=0") == expected


def test_a_folder_without_a_saved_model_is_refused(tensorflow, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"not a model")
    assert refusal(tensorflow.run, tmp_path).startswith(f"error: {tmp_path}/1 cannot be served: ")


def test_a_taken_port_is_refused(sample, saved_models):
    taken = sample.grpc.split(":")[1]
    assert taken in refusal(run, saved_models / "sample", f"--port={taken}")


def test_a_rest_call_in_flight_ends_before_the_server_does(free_port, monkeypatch):
    monkeypatch.setattr(ports, "DRAIN_SECONDS", 60.0)
    started, release = threading.Event(), threading.Event()

    def slow(request):
        started.set()
        return PlainTextResponse(str(release.wait(60)))

    port = free_port()
    flags = parse_flags([*REQUIRED, f"--port={free_port()}", f"--rest_api_port={port}"])
    with ThreadPoolExecutor() as pool:
        with listening(grpc.server(pool), Starlette(routes=[Route("/", slow)]), flags):
            wait_until(lambda: accepts(port))
            answer = pool.submit(httpx.get, f"http://127.0.0.1:{port}/", timeout=120)
            assert started.wait(60)
            threading.Timer(0.3, release.set).start()
        assert release.is_set()
        assert answer.result().text == "True"


def test_a_signal_during_a_finalizer_ends_a_server_that_waits_for_its_first_version(tensorflow, tmp_path):
    code = """if True:
        import os, signal
        from serving import __main__ as program
        from serving.catalogue import Catalogue

        class Finalized:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)

        configure = Catalogue.configure
        Catalogue.configure = lambda self, models: configure(self, models) or (Finalized() and None)
        program.main()"""
    argv = [sys.executable, "-c", code, f"--model_base_path={tmp_path}", f"--port={free_port()}"]
    assert tensorflow.run(argv).returncode == 0


def test_sigterm_lets_calls_end_refuses_new_ones_and_waits_for_none_forever(holding):
    with holding.client("grpc") as first, holding.client("rest") as second, ThreadPoolExecutor() as pool:
        transport = GrpcTransport(f"127.0.0.1:{holding.port}")
        endless = pool.submit(transport.predict, "hold", [holding.image("forever")], 200)
        calls = {client: pool.submit(client.predict, [holding.image(client)], 200) for client in (first, second)}
        wait_until(lambda: all(map(holding.started, (first, second, "forever"))))
        os.kill(holding.program.pid, signal.SIGTERM)
        wait_until(lambda: not accepts(holding.port) and not accepts(holding.rest_port))
        os.kill(holding.program.pid, signal.SIGINT)  # a second signal does not cut the calls off
        for client, call in calls.items():
            holding.release(client)
            assert call.result() == [Prediction(holding.image(client).decode(), 1.0)]
        assert holding.program.wait() == 0
        assert isinstance(endless.exception(), ServingError)
