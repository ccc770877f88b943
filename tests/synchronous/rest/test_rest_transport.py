"""The REST transport with gateways and servers that answer slowly or with something else."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from synchronous.client import Prediction, ServingError, connect
from synchronous.rest import open_rest
from synchronous.rest.transport import RestTransport
from synchronous.signatures.ask import ask
from tests.synchronous.budgets import BUDGET, LATE, TRIES, fails
from tests.synchronous.fakes import serving


@pytest.fixture
def talking():
    """Start a server that sends `parts`, a tenth of a second apart, to the first client; return its address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, ThreadPoolExecutor() as pool:

        def talk(parts):
            with closing(listener.accept()[0]) as connection:
                connection.recv(65536)
                for part in parts:
                    try:
                        connection.sendall(part)
                    except OSError:
                        return
                    time.sleep(0.1)

        def start(parts):
            pool.submit(talk, parts)
            return f"127.0.0.1:{listener.getsockname()[1]}"

        yield start
        listener.shutdown(socket.SHUT_RDWR)  # a client whose time was up may never have connected


def test_a_server_that_sends_its_answer_slowly_takes_only_the_budget(talking):
    parts = [b"HTTP/1.1 200 OK\r\n", *([b"X-More: yes\r\n"] * 20)]
    assert any(fails("rest", talking(parts), BUDGET)[1] < BUDGET + LATE for _ in range(TRIES))


@pytest.mark.parametrize("header", [b"", b"Content-Encoding: gzip\r\n"])
@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"[1]",
        b"[" * 9999,
        b'{"predictions": [{"other": 1}]}',
        b'{"answer": 42}',
        b'{"predictions": [{"label": 1, "probability": 0.5}]}',
        b'{"predictions": [{"label": "1", "probability": "x"}]}',
        b'{"predictions": [{"label": "1", "probability": true}]}',
        b'{"predictions": [{"label": "1", "probability": [0.5, 0.5]}]}',
    ],
)
def test_an_answer_that_is_not_tensorflow_servings_is_an_error(talking, header, body):
    head = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (header, len(body))
    code, _ = fails("rest", talking([head + body]), 60)
    assert code == "UNKNOWN"


def test_the_one_value_of_a_row_may_stand_in_a_list(talking):
    body = b'{"predictions": [{"label": ["1"], "probability": [[0.5]]}]}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with connect("rest", talking([answer])) as client:
        assert client.predict([b"image"], 60) == [Prediction("1", 0.5)]


def test_a_models_name_is_encoded_in_the_path(monkeypatch):
    asked = []
    monkeypatch.setattr(RestTransport, "call", lambda self, method, path, *more: asked.append(path) or {"outputs": []})
    with connect("rest", model="a/b c?\xe9#%") as client:
        client.transport.predict(client.model, [], 60)
        client.metadata(60)
        ask(client, {"inputs": []}, 60, 3)
    name = "/v1/models/a%2Fb%20c%3F%C3%A9%23%25"
    assert asked == [f"{name}:predict", f"{name}/metadata", f"{name}/versions/3:predict"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (b"502 Bad Gateway", "UNAVAILABLE: HTTP 502"),
        (b"404 Not Found", "NOT_FOUND: HTTP 404"),
        (b"400 Bad Request", "FAILED_PRECONDITION: HTTP 400"),
        (b"302 Found\r\nLocation: /login", "HTTP 302 to /login .* from something that is not TensorFlow Serving"),
    ],
)
def test_the_status_of_an_answer_from_a_gateway_determines_the_error(talking, status, said):
    answer = b"HTTP/1.1 %b\r\nContent-Length: 4\r\n\r\noops" % status
    transport = open_rest(talking([answer]), {})
    with closing(transport), pytest.raises(ServingError, match=said):
        transport.predict("digits", [b"image"], 60)


def test_a_server_that_does_not_speak_http_is_asked_once(talking):
    with connect("rest", talking([b"\0\0\4\0\0"])) as client, pytest.raises(ServingError, match="FAILED_PRECONDITION"):
        client.predict([b"image"], 60)


def test_a_large_request_that_is_being_made_does_not_hold_up_other_calls():
    made = threading.Event()
    with (
        serving("rest", lambda images: ["7"] * len(images)) as target,
        closing(open_rest(target, {})) as transport,
        ThreadPoolExecutor() as pool,
    ):
        call = ("POST", "/v1/models/digits:predict", lambda: made.wait(60) and b'{"instances":[]}', 60, dict)
        large = pool.submit(transport.call, *call)
        try:
            assert transport.predict("digits", [b"image"], 20) == [Prediction("7", 0.5)]
        finally:
            made.set()
        assert large.result(60) == {"predictions": []}


def test_the_time_that_a_request_takes_to_make_counts():
    asked = []
    with (
        serving("rest", lambda images: asked.append(images) or []) as target,
        closing(open_rest(target, {})) as transport,
        pytest.raises(ServingError, match="DEADLINE_EXCEEDED"),
    ):
        transport.call("POST", "/v1/models/digits:predict", lambda: time.sleep(0.2) or b'{"instances":[]}', 0.1, dict)
    assert asked == []


@pytest.mark.parametrize(
    "target", ["localhost", "http://localhost:8501", "localhost:8501", "dns:///localhost", "http://localhost:8501/"]
)
def test_a_rest_target_may_be_a_host_or_a_url(target, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "synchronous.rest.transport.RestTransport", lambda urls, options: asked.append(urls[0].geturl())
    )
    connect("rest", target)
    assert asked == ["http://localhost:8501"]


@pytest.mark.parametrize(("target", "proxy"), [("xn--\xfc", ""), ("far.example.org", "socks5://localhost:1")])
def test_a_name_or_a_proxy_that_cannot_be_used_is_an_error(target, proxy, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ValueError, match=r"IDNA|SOCKS"):
        connect("rest", target)
