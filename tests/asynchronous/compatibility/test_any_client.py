import codecs

import pytest

PAGES = ["/", "/docs", "/health", "/label", "/metadata", "/metrics", "/openapi.json", "/ready"]


@pytest.mark.parametrize("path", PAGES)
def test_head_answers_as_get_does_without_the_body(api, path):
    head, get = api.head(path), api.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_an_encoded_image_is_refused_by_the_name_of_the_header(api):
    answer = api.post(
        "/predict", content=b"\x1f\x8b", headers={"content-type": "image/png", "content-encoding": "gzip"}
    )
    assert answer.status_code == 415
    assert answer.json() == {"detail": "content-encoding: must be identity, not 'gzip'"}


def test_json_may_begin_with_the_mark_of_utf8(api):
    headers = {"content-type": "application/json"}
    plain, marked = (api.post("/predict", content=body, headers=headers) for body in (b"{}", codecs.BOM_UTF8 + b"{}"))
    assert (marked.status_code, marked.json()) == (plain.status_code, plain.json())


def test_the_origin_that_is_named_may_call(proxy):
    _, client = proxy(CORS_ORIGINS="https://shop.example")
    headers = {"origin": "https://shop.example", "access-control-request-method": "DELETE"}
    answer = client.options("/job/abc", headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://shop.example")
