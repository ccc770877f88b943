"""A client that is still sending gets its answer, not a reset."""

import urllib.error
import urllib.request
from collections.abc import Callable

import httpx

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


def test_a_pool_of_connections_gets_every_413_and_then_an_answer(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", headers=JSON, timeout=60) as pool:
        assert [pool.post("/predict", content=BODY).status_code for _ in range(10)] == [413] * 10
        assert pool.post("/predict", json={"data": [[1, 2, 3, 4]]}).status_code == 200
