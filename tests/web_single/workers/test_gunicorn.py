"""Real processes: what the start command does."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from local.processes import Program, wait_until

from ..running import COMMAND, ROW, Service, counters, peak_megabytes

Refused = Callable[..., tuple[int, list[str]]]
HEAD = b"POST /predict HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"


@pytest.fixture
def refused(start: Callable[..., Program]) -> Refused:
    """Start a service that must refuse; return its exit code and output, without gunicorn's own first line."""

    def refused(env: dict[str, str], *flags: str) -> tuple[int, list[str]]:
        ended = start("refused", [*COMMAND, "--bind", "127.0.0.1:0", *flags], env=env)
        code = ended.wait(200)
        assert not counters(ended.pid)
        return code, [line for line in ended.log.read_text().splitlines() if "Starting gunicorn" not in line]

    return refused


def test_it_answers_and_sigterm_stops_it_cleanly(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    assert counters(running.program.pid)
    answer = running.http.post("/predict", content=ROW)
    assert (answer.status_code, answer.headers["model-version"]) == (200, "1")
    os.kill(running.program.pid, signal.SIGTERM)
    assert running.program.wait() == 0
    assert not counters(running.program.pid)


def test_a_request_in_flight_is_answered_before_the_stop(service: Callable[..., Service]) -> None:
    running = service("--workers", "1", BODY_TIMEOUT="100")
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(HEAD + b"content-length: %d\r\nexpect: 100-continue\r\n\r\n" % len(ROW) + ROW[:9])
        assert b"100 Continue" in client.recv(1000)  # the handler is waiting for the rest
        os.kill(running.program.pid, signal.SIGTERM)
        wait_until(lambda: not running.answers())
        client.sendall(ROW[9:])
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    assert running.program.wait() == 0


def test_an_altered_artefact_is_refused_in_one_line(refused: Refused, artifacts: Path, tmp_path: Path) -> None:
    shutil.copytree(artifacts / "iris", tmp_path / "iris")
    (tmp_path / "iris" / "1" / "model.onnx").write_bytes(b"altered")
    code, lines = refused({"MODEL_DIR": str(tmp_path / "iris"), "WEB_CONCURRENCY": "2"})
    assert code == 1
    assert len(lines) == 1
    assert "model.onnx is not what was built" in lines[0]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MAX_ROWS", "many", "max_rows: Input should be a valid integer"),
        ("BODY_TIMEOUT", "inf", "body_timeout: Input should be less than or equal to 600, not 'inf'"),
        ("ACCESS_LOG", "maybe", "access_log: Input should be a valid boolean"),
        ("DRAIN_SECONDS", "-1", "drain_seconds: Input should be greater than or equal to 0, not '-1'"),
        ("WEB_CONCURRENCY", "0", "WEB_CONCURRENCY=0 cannot be used"),
    ],
)
def test_an_impossible_setting_is_refused_in_one_line(refused: Refused, name: str, value: str, said: str) -> None:
    code, lines = refused({name: value})
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"web_single: {said}")


def test_preloading_is_refused_in_one_line(refused: Refused) -> None:
    """The application of the master would be served after every SIGHUP, and no worker would count."""
    code, lines = refused({}, "--preload", "--log-level", "error")
    assert code == 1
    assert lines == ["web_single: --preload cannot be used: it keeps the first model version and counts nothing"]


def test_a_stop_during_the_start_leaves_no_files(start: Callable[..., Program]) -> None:
    program = start("web_single", [*COMMAND, "--bind", "127.0.0.1:0"])
    wait_until(lambda: "Starting gunicorn" in program.log.read_text())
    os.kill(program.pid, signal.SIGTERM)
    program.wait()
    assert not counters(program.pid)


def test_the_service_continues_when_the_counters_are_removed(service: Callable[..., Service]) -> None:
    running = service(WEB_CONCURRENCY="2")
    (folder,), victim = counters(running.program.pid), min(running.workers())
    shutil.rmtree(folder)  # as systemd does when the user who started the service logs out
    assert {running.predict() for _ in range(40)} == {200}
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in running.workers() and len(running.workers()) == 2, 120)
    # The worker that was started since is counted again.
    wait_until(lambda: running.predict() != 200 or running.metric("predicted_rows_total"), 120)
    assert {running.predict() for _ in range(40)} == {200}
    os.kill(running.program.pid, signal.SIGTERM)
    assert (running.program.wait(), counters(running.program.pid)) == (0, [])


def test_metrics_add_up_over_the_workers_even_when_one_dies(service: Callable[..., Service]) -> None:
    running = service(WEB_CONCURRENCY="2")
    wait_until(lambda: running.metric("model_workers") == 2, 120)
    assert {running.predict() for _ in range(40)} == {200}
    (folder,), victim = counters(running.program.pid), min(running.workers())
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(list(folder.glob("counter_*.db"))) == 3, 120)  # its replacement is there
    assert {running.predict() for _ in range(40)} == {200}
    running.wait_for_metric("model_workers", 2)
    running.wait_for_metric('http_request_duration_seconds_count{path="/predict",status="200"}', 80)
    running.wait_for_metric("predicted_rows_total", 80)


def test_counts_outlive_a_reload(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    first = running.workers()
    assert running.predict() == 200
    os.kill(running.program.pid, signal.SIGHUP)
    wait_until(lambda: len(running.workers()) == 1 and not running.workers() & first, 120)
    assert running.predict() == 200
    running.wait_for_metric("predicted_rows_total", 2)


def test_a_hundred_megabytes_are_refused_in_bounded_memory(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    (worker,) = running.workers()
    before = peak_megabytes(worker)
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(100):
            client.sendall(b"100000\r\n" + b" " * 1_048_576 + b"\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 413")
    assert peak_megabytes(worker) < before + 16


def test_logs_are_json_when_asked_for(service: Callable[..., Service]) -> None:
    running = service("--workers", "1", LOG_FORMAT="json", LOG_LEVEL="info")
    lines = [json.loads(line) for line in running.program.log.read_text().splitlines()]
    assert "Serving iris, version 1" in [line["message"] for line in lines]
    assert {"asctime", "levelname", "process"} <= set(lines[0])
