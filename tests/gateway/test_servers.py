"""Servers that come and go, and which requests are sent again."""

import pytest

from .replacements import run
from .services import SERVICES
from .upstream import HangUp


@pytest.mark.parametrize(
    "service", [name if name == "web_single" else pytest.param(name, marks=pytest.mark.exhaustive) for name in SERVICES]
)
def test_no_request_fails_while_two_of_three_servers_are_replaced(service, tmp_path, preloaded):
    outcome = run(service, 500, tmp_path, start=preloaded.start)
    assert len(outcome.results) >= 500
    assert set(outcome.results) == {outcome.expected}
    assert len(outcome.servers) >= 3


@pytest.mark.parametrize(
    ("method", "path", "headers", "times"),
    [
        ("POST", "/batch/data", {}, 1),
        ("POST", "/batch/data", {"idempotency-key": "a"}, 4),
        ("POST", "/asynchronous/predict", {}, 1),
        ("POST", "/asynchronous/predict", {"idempotency-key": "a"}, 4),
        ("GET", "/batch/data/all", {}, 4),
        ("POST", "/web_single/predict", {}, 4),
    ],
)
def test_only_a_request_that_may_be_sent_twice_is_sent_again(gateway, method, path, headers, times):
    def hang_up(_):
        raise HangUp

    gateway.upstream.answer = hang_up
    status, body = gateway.ask(path, method, **headers, **({"content-length": "0"} if method == "POST" else {}))
    assert (status, body) == (502, b'{"detail": "service: gave no valid answer"}')
    assert len(gateway.upstream.received) == times


def test_a_service_without_a_server_is_503_and_the_others_are_served(start_gateway):
    gateway = start_gateway(BATCH="nowhere:8002")
    with gateway.client(gateway.key) as client:
        answer = client.get("/batch/data")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json() == {"detail": "service: no server is free; try again"}
        assert client.get("/web_single/label").status_code == 200


def test_the_gateway_itself_is_ready_without_any_service(start_gateway):
    gateway = start_gateway()
    assert gateway.probe("/ready") == gateway.probe("/health") == (200, {"status": "ok"})
    assert gateway.probe("/web_single/label") == (404, {"detail": "path: is /health or /ready"})
