"""What a client does with servers that are dead, silent, slow, late, killed, or something else."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import pytest

from local.processes import wait_until
from synchronous.client import Prediction, ServingError, connect
from synchronous.messages import bytes_tensor, predict_pb2

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])
LATE = 0.5  # what a busy machine may add to a budget


@pytest.fixture
def silent():
    """The address of a server that accepts connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def talking():
    """Start a server that sends `parts`, a tenth of a second apart, to whoever connects; returns its address."""
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


def fails(protocol, target, timeout):
    """Return the code of the failure and the seconds it took."""
    with connect(protocol, target) as client:
        begin = time.monotonic()
        with pytest.raises(ServingError) as caught:
            client.predict([b"image"], timeout)
        return caught.value.code, time.monotonic() - begin


@BOTH
def test_a_dead_server_is_unavailable_within_the_budget(protocol, free_port):
    code, seconds = fails(protocol, f"127.0.0.1:{free_port()}", 0.6)
    assert code == "UNAVAILABLE"
    assert seconds < 0.6 + LATE


@BOTH
def test_a_server_that_never_answers_costs_the_budget_and_no_more(protocol, silent):
    code, seconds = fails(protocol, silent, 0.6)
    assert code == "DEADLINE_EXCEEDED"
    assert 0.59 < seconds < 0.6 + LATE


def test_a_server_that_dribbles_its_answer_costs_the_budget_and_no_more(talking):
    code, seconds = fails("rest", talking([b"HTTP/1.1 200 OK\r\n", *([b"X-More: yes\r\n"] * 20)]), 0.6)
    assert code == "DEADLINE_EXCEEDED"
    assert seconds < 0.6 + LATE


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]", b'{"predictions": [{"other": 1}]}', b'{"answer": 42}'])
def test_an_answer_that_is_not_tensorflow_servings_is_an_error(talking, body):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    code, _ = fails("rest", talking([head + body]), 5)
    assert code == "UNKNOWN"


def test_a_server_killed_in_mid_call_is_unavailable_within_the_budget(holding):
    begin = time.monotonic()
    with holding.client("grpc") as one, holding.client("rest") as other, ThreadPoolExecutor() as pool:
        calls = [pool.submit(client.predict, [holding.image(client)], 5) for client in (one, other)]
        wait_until(lambda: all(map(holding.started, (one, other))), 5)
        holding.program.kill()
        for call in calls:
            with pytest.raises(ServingError, match="UNAVAILABLE"):
                call.result()
    assert time.monotonic() - begin < 5 + LATE


def canned(port):
    """Serve Predict with one fixed answer, on a real gRPC server in this process."""

    def predict(request, context):
        probability = predict_pb2.PredictResponse().outputs["probability"]
        probability.dtype, probability.float_val[:] = 1, [0.5]
        probability.tensor_shape.dim.add(size=1)
        return predict_pb2.PredictResponse(outputs={"label": bytes_tensor([b"7"]), "probability": probability})

    method = grpc.unary_unary_rpc_method_handler(
        predict, predict_pb2.PredictRequest.FromString, predict_pb2.PredictResponse.SerializeToString
    )
    server = grpc.server(ThreadPoolExecutor(1))
    service = {"Predict": method}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", service),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server


def test_a_server_that_comes_up_within_the_budget_is_answered_by(free_port):
    port = free_port()
    with connect("grpc", f"127.0.0.1:{port}") as client, ThreadPoolExecutor() as pool:
        call = pool.submit(client.predict, [b"image"], 20)
        timer = threading.Timer(0.7, lambda: servers.append(canned(port)))
        servers = []
        timer.start()
        assert call.result() == [Prediction("7", 0.5)]
        servers[0].stop(0).wait()


@pytest.mark.parametrize("target", ["localhost", "http://localhost", "localhost:8500"])
def test_a_grpc_target_may_be_a_host_or_a_url(target, monkeypatch):
    targets = []
    monkeypatch.setattr("synchronous.client.GrpcTransport", targets.append)
    connect("grpc", target)
    assert targets == ["localhost:8500"]


@pytest.mark.parametrize("target", ["localhost", "http://localhost:8501", "localhost:8501"])
def test_a_rest_target_may_be_a_host_or_a_url(target, monkeypatch):
    targets = []
    monkeypatch.setattr("synchronous.client.RestTransport", targets.append)
    connect("rest", target)
    assert targets == ["http://localhost:8501"]
