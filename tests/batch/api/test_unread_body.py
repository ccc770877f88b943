"""A client that is still sending when its body is refused gets the answer, and not a reset."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable

import httpx
import pytest

from local import servers

BODY = b" " * (11 * 2**20)
TOO_LARGE = {"detail": "body: more than 1048576 bytes"}


@pytest.fixture(params=["auto", "h11"])
def url(request: pytest.FixtureRequest, start, free_port: Callable[[], int], tmp_path) -> str:
    """The service with the HTTP implementation of the tests' environment, and with that of the image."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    argv = [sys.executable, "-m", "uvicorn", "--http", request.param, "--factory", "batch.api:create_app"]
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/rows.sqlite3"}
    start("api", [*argv, "--port", str(port)], lambda: servers.answers(f"{url}/ready"), env)
    return url


def test_urllib_gets_its_413_every_time(url: str):
    for _ in range(10):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"{url}/data", BODY))
        with refused.value as answer:
            assert (answer.code, json.load(answer)) == (413, TOO_LARGE)


def test_a_connection_pool_gets_its_413_every_time_and_then_an_answer(url: str):
    with httpx.Client(timeout=60) as client:
        for _ in range(10):
            answer = client.post(f"{url}/data", content=BODY)
            assert (answer.status_code, answer.json()) == (413, TOO_LARGE)
        assert client.get(f"{url}/health").status_code == 200
