import codecs
import gzip
from collections.abc import AsyncIterator, Callable

import pytest

from web_single.app import build_app
from web_single.model import Model
from web_single.settings import Settings

from ..conftest import Client, Service

ROW = b'{"data": [[5.1, 3.5, 1.4, 0.2]]}'
INFER = b'{"inputs": [{"name": "float_input", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}]}'
JSON = {"content-type": "application/json"}
PAGES = ["/", "/docs", "/health", "/label", "/metadata", "/metrics", "/openapi.json", "/predict/test", "/ready", "/v2"]


def test_head_answers_as_get_does_without_the_body(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    for path in [*PAGES, "/v2/health/ready", "/v2/models/iris", "/predict", "/nothing"]:
        head, get = running.http.head(path), running.http.get(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert head.headers["content-type"] == get.headers["content-type"]


def test_a_request_with_head_is_logged_as_such_under_its_own_path(client: Client) -> None:
    client.request("HEAD", "/label")
    assert 'path="/label",status="200"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize("path", ["/predict", "/predict/label"])
def test_a_body_may_begin_with_the_mark_of_utf8(client: Client, path: str) -> None:
    plain, marked = (client.post(path, content=body, headers=JSON) for body in (ROW, codecs.BOM_UTF8 + ROW))
    assert (marked.status_code, marked.json()) == (200, plain.json())


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("path", ["/predict", "/v2/models/iris/infer"])
def test_the_mark_of_utf8_may_arrive_in_parts(client: Client, path: str, size: int) -> None:
    body = codecs.BOM_UTF8 + (ROW if path == "/predict" else INFER)

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    answer = client.post(path, content=parts(), headers=JSON)
    assert (answer.status_code, answer.text) == (200, answer.text)


def test_a_body_that_ends_within_the_mark_of_utf8_is_refused(client: Client) -> None:
    assert client.send(codecs.BOM_UTF8[:2]).status_code == 422


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_utf16_is_refused_by_its_name(client: Client, mark: bytes) -> None:
    answer = client.post("/predict", content=mark + ROW, headers=JSON)
    assert (answer.status_code, answer.json()) == (415, {"detail": "body: must be UTF-8, not UTF-16"})


@pytest.mark.parametrize(("path", "field"), [("/predict", "detail"), ("/v2/models/iris/infer", "error")])
@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP, identity"])
def test_an_encoded_body_is_refused_by_the_name_of_the_header(
    client: Client, path: str, field: str, encoding: str
) -> None:
    answer = client.post(path, content=gzip.compress(ROW), headers=JSON | {"content-encoding": encoding})
    detail = f"content-encoding: must be identity, not {encoding!r}"
    assert (answer.status_code, answer.json()) == (415, {field: detail})


@pytest.mark.parametrize(("path", "field"), [("/predict", "detail"), ("/v2/models/iris/infer", "error")])
@pytest.mark.parametrize("encodings", [["gzip", "identity"], ["identity", "gzip"], ["", "gzip"]])
def test_no_second_header_hides_an_encoding(client: Client, path: str, field: str, encodings: list[str]) -> None:
    headers = [*JSON.items(), *(("content-encoding", encoding) for encoding in encodings)]
    answer = client.post(path, content=gzip.compress(ROW), headers=headers)
    assert (answer.status_code, answer.json()) == (415, {field: "content-encoding: must be identity, not 'gzip'"})


@pytest.mark.parametrize(("path", "body"), [("/predict", ROW), ("/v2/models/iris/infer", INFER)])
@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_an_empty_encoding_is_none(client: Client, path: str, body: bytes, encoding: str) -> None:
    assert client.post(path, content=body, headers=JSON | {"content-encoding": encoding}).status_code == 200


@pytest.mark.parametrize(("path", "field"), [("/predict", "detail"), ("/v2/models/iris/infer", "error")])
def test_a_transfer_encoding_other_than_chunked_is_refused_by_its_name(client: Client, path: str, field: str) -> None:
    headers = JSON | {"transfer-encoding": "gzip, chunked"}
    answer = client.post(path, content=gzip.compress(ROW), headers=headers)
    detail = "transfer-encoding: must be chunked, not 'gzip, chunked'"
    assert (answer.status_code, answer.json()) == (415, {field: detail})


def test_no_other_origin_is_allowed_by_default(client: Client) -> None:
    answer = client.request("OPTIONS", "/predict", headers=PREFLIGHT)
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


PREFLIGHT = {
    "origin": "https://shop.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type",
}


@pytest.mark.parametrize("origins", ["https://shop.example", "https://a.example, https://shop.example", "*"])
def test_the_origins_that_are_named_may_call(
    settings: Settings, model: Model, monkeypatch: pytest.MonkeyPatch, origins: str
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", origins)
    client = Client(build_app(settings, model))
    preflight = client.request("OPTIONS", "/predict", headers=PREFLIGHT)
    refused = client.post("/predict", content=b"{", headers=JSON | {"origin": "https://shop.example"})
    allowed = "*" if origins == "*" else "https://shop.example"
    for answer, status in ((preflight, 200), (refused, 422)):
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, allowed)
    exposed = refused.headers["access-control-expose-headers"].split(", ")
    assert {"inference-header-content-length", "model-version", "x-request-id"} <= set(exposed)


@pytest.mark.parametrize("kept", ["", "/ml"])
def test_a_root_path_is_not_part_of_the_path_that_is_served(settings: Settings, model: Model, kept: str) -> None:
    app = build_app(settings, model)

    async def prefixed(scope, receive, send):  # as uvicorn does with --root-path, behind a proxy that may keep it
        await app({**scope, "root_path": "/ml", "path": f"/ml{kept}{scope['path']}"}, receive, send)

    client = Client(prefixed)
    assert client.send(ROW).status_code == client.get("/ready").status_code == 200
    assert client.get("/v2/models/other").json()["error"].startswith("'other'")
    assert client.get("/").text.endswith("/ml/docs\n")
