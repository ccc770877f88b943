from collections.abc import Callable
from pathlib import Path

import pytest

from web_single.app import build_app, load_model
from web_single.model import Model
from web_single.settings import Settings

from ..conftest import Client

SERIES = "http_request_duration_seconds_count"


def test_requests_are_counted_by_path_and_status(client: Client) -> None:
    for rows in ([[1, 2, 3, 4]], [[1, 2, 3, 4]], [[1, 2]]):
        client.post("/predict", json={"data": rows})
    page = client.get("/metrics").text
    assert f'{SERIES}{{path="/predict",status="200"}} 2.0' in page
    assert f'{SERIES}{{path="/predict",status="422"}} 1.0' in page


def test_only_answered_rows_are_counted(client: Client) -> None:
    client.post("/predict", json={"data": [[1, 2, 3, 4]] * 5})
    client.post("/predict/label", json={"data": [[1, 2, 3, 4]] * 2})
    client.post("/predict", json={"data": [[1, 2, 3, 4], [1]]})
    assert "predicted_rows_total 7.0" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"{}", "text/plain", "not_json"),
        (b"{}", "application/json", "invalid"),
        (b" " * 1_048_577, "application/json", "too_large"),
    ],
)
def test_refusals_are_counted_by_reason(client: Client, body: bytes, content_type: str, reason: str) -> None:
    client.send(body, **{"content-type": content_type})
    page = client.get("/metrics").text
    assert f'refused_requests_total{{reason="{reason}"}} 1.0' in page
    assert page.count("refused_requests_total{") == 2  # this one, and overloaded with 0


def test_a_row_without_a_finite_answer_is_counted_as_such(model_dir: Callable[..., Path]) -> None:
    settings = Settings(model_dir=model_dir())
    client = Client(build_app(settings, load_model(settings)))
    client.post("/predict", json={"data": [[3.4e38] * 7]})
    assert 'refused_requests_total{reason="no_answer"} 1.0' in client.get("/metrics").text


def test_a_client_cannot_add_series(client: Client) -> None:
    for number in range(20):
        client.get(f"/scan/{number}")
    page = client.get("/metrics").text
    assert f'{SERIES}{{path="unknown",status="404"}} 20.0' in page
    assert "/scan" not in page


def test_a_failure_inside_is_counted_as_500(settings: Settings, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(build_app(settings, model))
    monkeypatch.delattr(model, "labels")
    with pytest.raises(AttributeError):
        client.get("/label")
    assert f'{SERIES}{{path="/label",status="500"}} 1.0' in client.get("/metrics").text


def test_the_model_that_is_served_is_named(model_dir: Callable[..., Path], client: Client) -> None:
    assert 'model_workers{model="iris",version="1"} 1.0' in client.get("/metrics").text
