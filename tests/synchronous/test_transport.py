"""How a client handles servers that are dead, silent, slow, late or killed, over gRPC and REST."""

import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from local.processes import wait_until
from local.servers import accepts
from synchronous.channel import grpc_target
from synchronous.client import Prediction, ServingError, connect

from .budgets import BUDGET, LATE, TRIES, fails, in_time
from .fakes import serving

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])


@pytest.fixture
def silent():
    """The address of a server that accepts connections and never sends a byte."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@BOTH
def test_a_server_that_refuses_connections_is_unavailable_within_the_budget(protocol, free_port):
    assert in_time(protocol, f"127.0.0.1:{free_port()}", ["UNAVAILABLE"])


@BOTH
def test_a_server_that_never_answers_the_handshake_takes_only_the_budget(protocol, silent):
    assert in_time(protocol, silent, ["DEADLINE_EXCEEDED"])


@BOTH
def test_a_server_that_hangs_takes_only_the_budget(protocol):
    hanging = threading.Event()
    with serving(protocol, lambda images: hanging.wait(200) and []) as target:
        try:
            assert in_time(protocol, target, ["DEADLINE_EXCEEDED"])
            assert fails(protocol, target, BUDGET)[1] >= BUDGET - 0.01
        finally:
            hanging.set()


@BOTH
def test_a_server_that_stays_unavailable_is_retried_until_the_budget_is_used_up(protocol):
    asked = []

    def never(images):
        asked.append(time.monotonic())
        raise ServingError("UNAVAILABLE", "on purpose")

    with serving(protocol, never) as target:
        assert in_time(protocol, target, ["UNAVAILABLE"])
    assert len(asked) > 1


@BOTH
def test_a_server_that_is_unavailable_twice_answers_the_third_attempt(protocol):
    asked = []

    def third_time(images):
        asked.append(images)
        if len(asked) < 3:
            raise ServingError("UNAVAILABLE", "on purpose")
        return ["7"]

    with serving(protocol, third_time) as target, connect(protocol, target) as client:
        assert client.predict([b"image"], 60) == [Prediction("7", 0.5)]
    assert asked == [[b"image"]] * 3


@BOTH
def test_a_budget_may_be_infinite(protocol):
    with serving(protocol, lambda images: ["7"]) as target, connect(protocol, target) as client:
        assert client.predict([b"image"], float("inf")) == [Prediction("7", 0.5)]


def test_a_call_that_a_server_cancels_while_it_shuts_down_is_retried():
    asked = []

    def first_time_ends(images):
        asked.append(images)
        if len(asked) < 2:
            raise ServingError("CANCELLED", "on purpose")
        return ["7"]

    with serving("grpc", first_time_ends) as target, connect("grpc", target) as client:
        assert client.predict([b"image"], 60) == [Prediction("7", 0.5)]


@BOTH
def test_halves_of_a_request_stay_within_the_budget_of_the_call(protocol):
    def slow_and_refusing(images):
        time.sleep(0.02)
        raise ServingError("INVALID_ARGUMENT", "on purpose")

    def call(client):
        begin = time.monotonic()
        try:
            answers = client.predict([b"image"] * 64, 2 * BUDGET)
        except ServingError:  # on a busy machine even the first request may get no answer in time
            return False
        return answers[-1].code == "DEADLINE_EXCEEDED" and time.monotonic() - begin < 2 * BUDGET + LATE

    with serving(protocol, slow_and_refusing) as target, connect(protocol, target) as client:
        assert any(call(client) for _ in range(TRIES))


@BOTH
@pytest.mark.parametrize(
    "said",
    [
        "Signature input alias: x(feed name: x:0) not found in request and no default value provided.",
        "Inputs contains invalid name. Used request inputs: , request input: image",
        "Batching Run() input tensors must have equal 0th-dimension size",
    ],
)
def test_a_request_that_is_wrong_whatever_the_images_are_is_sent_once_and_blames_no_image(protocol, said):
    asked = []

    def refuse(images):
        asked.append(images)
        raise ServingError("INVALID_ARGUMENT", said)

    with (
        serving(protocol, refuse) as target,
        connect(protocol, target) as client,
        pytest.raises(ServingError) as caught,
    ):
        client.predict([b"a", b"b", b"c"], 60)
    assert str(caught.value) == f"FAILED_PRECONDITION: {said}"
    assert asked == [[b"a", b"b", b"c"]]


@BOTH
def test_a_server_killed_during_a_call_is_unavailable_and_its_successor_answers(protocol, start, free_port, tmp_path):
    port, image = free_port(), str(tmp_path / "image").encode()
    fake = [sys.executable, "-m", "tests.synchronous.fakes", protocol, str(port)]
    first = start("first", fake, lambda: accepts(port))
    with connect(protocol, f"127.0.0.1:{port}") as client, ThreadPoolExecutor() as pool:
        impatient, patient = (pool.submit(client.predict, [image], timeout) for timeout in (2, 200))
        wait_until((tmp_path / "image.started").exists)
        first.kill()
        assert impatient.exception().code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")  # too late on a busy machine
        start("second", fake, lambda: accepts(port))
        (tmp_path / "image.release").touch()
        assert patient.result() == [Prediction("released", 0.5)]


def test_a_server_that_starts_within_the_budget_answers(free_port):
    port = free_port()
    with connect("grpc", f"127.0.0.1:{port}") as client, ThreadPoolExecutor() as pool:
        call = pool.submit(client.predict, [b"image"], 60)
        time.sleep(0.3)  # some attempts fail first
        with serving("grpc", lambda images: ["7"], port):
            assert call.result() == [Prediction("7", 0.5)]


@BOTH
def test_closing_a_client_ends_the_calls_of_other_threads_and_refuses_later_calls(protocol):
    called, hanging = threading.Event(), threading.Event()
    with (
        serving(protocol, lambda images: called.set() or (hanging.wait(200) and [])) as target,
        ThreadPoolExecutor() as pool,
    ):
        client = connect(protocol, target)
        call = pool.submit(client.predict, [b"image"], 200)
        assert called.wait(60)
        client.close()
        assert str(call.exception(60)).startswith("CANCELLED")
        hanging.set()
        with pytest.raises(ServingError, match="CANCELLED"):
            client.predict([b"image"])


def test_a_connection_without_acknowledgements_is_dropped_after_ten_seconds():
    with serving("grpc", lambda images: ["7"]) as target, connect("grpc", target) as client:
        client.predict([b"image"])
        port = int(target.rpartition(":")[2])
        assert user_timeouts(port) == [10_000]


def user_timeouts(port):
    """Return TCP_USER_TIMEOUT, in milliseconds, of each of this process's connections to `port`."""
    found = []
    for fd in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError), socket.socket(fileno=os.dup(fd)) as connection:
            if connection.getpeername()[1:2] == (port,):
                found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
    return found


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("localhost", "localhost:8500"),
        ("localhost:1", "localhost:1"),
        ("[::1]", "[::1]:8500"),
        ("http://localhost/", "http://localhost:8500"),
        ("https://localhost", "https://localhost"),
        ("dns:///serving", "dns:///serving:8500"),
        ("dns://10.0.0.1/serving:1", "dns://10.0.0.1/serving:1"),
        ("unix:/tmp/a.sock", "unix:/tmp/a.sock"),
    ],
)
def test_a_grpc_address_gets_the_usual_port(address, target):
    assert grpc_target(address) == target


@BOTH
@pytest.mark.parametrize(
    "target",
    ["http://", ":8500", "ftp://localhost:8500", "host:port", "a b", ",", "[::1", "http://host?a=b", "http://host#a"],
)
def test_a_target_that_is_not_a_valid_address_is_an_error(protocol, target):
    with pytest.raises(ValueError, match="is not a valid address"):
        connect(protocol, target)


@BOTH
@pytest.mark.parametrize("target", ["http://user:secret@host", "user:sec/ret@host:1", "dns:///user:secret#@host"])
def test_a_password_in_an_address_is_refused_and_not_shown(protocol, target):
    with pytest.raises(ValueError, match=r"'host.*is not a valid address") as caught:
        connect(protocol, target)
    assert "sec" not in str(caught.value)


def test_a_grpc_address_has_no_path():
    with pytest.raises(ValueError, match="gRPC has no paths"):
        connect("grpc", "http://localhost:8500/ml")
