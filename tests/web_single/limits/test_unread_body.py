"""A client that is still sending gets its answer, not a reset."""

import socket
import urllib.error
import urllib.request
from collections.abc import Callable

import httpx
import pytest

from ..running import Service

BODY = bytes(11 * 2**20)
JSON = {"content-type": "application/json"}


def test_urllib_gets_every_413(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    statuses = []
    for _ in range(10):
        request = urllib.request.Request(f"http://127.0.0.1:{running.port}/predict", BODY, JSON)
        try:
            urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            statuses.append((error.code, b"1048576" in error.read()))
    assert statuses == [(413, True)] * 10


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_large_body_of_a_request_that_has_none_is_read_before_the_connection_closes(
    service: Callable[..., Service], method: str
) -> None:
    running = service("--workers", "1")
    head = f"{method} /predict HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {len(BODY)}\r\n\r\n"
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", running.port), timeout=60) as caller:
            caller.sendall(head.encode() + BODY)
            assert caller.recv(1000).startswith(b"HTTP/1.1 405")


def test_a_pool_of_connections_gets_every_413_and_then_an_answer(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", headers=JSON, timeout=60) as pool:
        assert [pool.post("/predict", content=BODY).status_code for _ in range(10)] == [413] * 10
        assert pool.post("/predict", json={"data": [[1, 2, 3, 4]]}).status_code == 200
