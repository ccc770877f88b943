import codecs
from pathlib import Path

import pytest
from sqlalchemy import Engine

from .test_api import Client, client_of

PAGES = ["/", "/docs", "/docs/swagger-ui.css", "/health", "/label", "/metadata", "/metrics", "/openapi.json", "/ready"]


@pytest.fixture
def client(engine: Engine, artifacts: Path) -> Client:
    return client_of(engine, artifacts)


@pytest.mark.parametrize("path", [*PAGES, "/data", "/data/predicted"])
def test_head_answers_as_get_does_without_the_body(client: Client, path: str) -> None:
    head, get = client.request("HEAD", path), client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_an_encoded_body_is_refused_by_the_name_of_the_header(client: Client) -> None:
    answer = client.request("POST", "/data", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert answer.status_code == 415
    assert answer.json() == {"detail": "content-encoding: must be identity, not 'gzip'"}


def test_the_mark_of_utf8_is_no_part_of_a_body(client: Client) -> None:
    body = codecs.BOM_UTF8 + b'{"data": [[5.1, 3.5, 1.4, 0.2]]}'
    assert client.request("POST", "/data", content=body).status_code == 201


def test_no_other_origin_is_allowed_by_default(client: Client) -> None:
    headers = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    assert client.request("OPTIONS", "/data", headers=headers).status_code == 405


def test_the_root_says_what_this_is_and_where_its_docs_are(client: Client) -> None:
    assert client.get("/").text == "batch, version 1. How to use it: /docs\n"
    assert "//" not in client.get("/docs").text
