import json
import logging
from collections.abc import Callable

import httpx
import pytest

from local.processes import wait_until
from web_single.app import build_app
from web_single.model import Model
from web_single.settings import Settings

from ..conftest import Client
from ..running import Service


def ask(client: Client, path: str = "/health", **headers: str) -> httpx.Response:
    return client.request("GET", path, headers=headers)


@pytest.mark.parametrize("valid", ["a", "4bf92f35-77b3/4da6:a3ce=", "~" * 128])
def test_a_valid_request_id_is_kept(client: Client, valid: str) -> None:
    assert ask(client, **{"X-Request-ID": valid}).headers["x-request-id"] == valid


@pytest.mark.parametrize("invalid", ["", "two words", "x" * 129, "tab\there", "caf\xe9"])
def test_an_invalid_request_id_is_replaced(client: Client, invalid: str) -> None:
    headers = {"X-Request-ID": invalid.encode("latin-1")}
    made = client.request("GET", "/health", headers=headers).headers["x-request-id"]
    assert (made.isascii(), 16 < len(made) <= 128, made != invalid) == (True, True, True)


def test_no_two_requests_get_the_same_id(settings: Settings, model: Model) -> None:
    workers = [Client(build_app(settings, model)) for _ in range(2)]
    assert len({ask(client).headers["x-request-id"] for client in workers for _ in range(10)}) == 20


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/predict", 405), ("/label", 500)])
def test_errors_have_the_id_and_the_version_too(
    settings: Settings, model: Model, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    client = Client(build_app(settings, model), raises=False)
    monkeypatch.delattr(model, "labels")
    answer = ask(client, path, **{"x-request-id": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (status, "mine")
    assert (answer.headers["model-version"], isinstance(answer.json()["detail"], str)) == ("1", True)


def test_there_is_no_access_log_unless_asked_for(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "gunicorn.error.access"):
        assert ask(client).status_code == 200
    assert not [record for record in caplog.records if record.name.startswith("gunicorn")]


def test_the_access_log_has_a_line_for_each_request(
    settings: Settings, model: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ACCESS_LOG", "true")
    client = Client(build_app(settings, model))
    answer = client.send(b'{"data": [[1, 2, 3, 4], [5, 6, 7, 8]]}', **{"x-request-id": "mine"})
    ask(client, "/secret?token=1")
    first, second = [record for record in caplog.records if record.name == "gunicorn.error.access"]
    assert (first.method, first.path, first.status, first.rows) == ("POST", "/predict", 200, 2)
    assert (first.bytes, first.request_id, first.milliseconds > 0) == (len(answer.content), "mine", True)
    assert second.getMessage().startswith("method=GET path=unknown status=404 milliseconds=")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_the_access_log_has_the_format_of_the_log(service: Callable[..., Service], log_format: str) -> None:
    running = service("--workers", "1", ACCESS_LOG="true", LOG_FORMAT=log_format, LOG_LEVEL="warning")
    assert running.predict() == 200

    def lines() -> list[str]:  # the last is incomplete
        return [line for line in running.program.log.read_text().split("\n")[:-1] if "/predict" in line]

    wait_until(lines, what="the line, which is written after the answer")
    (line,) = lines()
    if log_format == "json":
        assert {"method": "POST", "path": "/predict", "status": 200, "rows": 1}.items() <= json.loads(line).items()
    else:
        assert "[INFO] method=POST path=/predict status=200 milliseconds=" in line
