"""Images in raw bodies, in forms and in JSON."""

import base64
import contextlib
import re

import httpx
import pytest
import redis

from asynchronous.api import MAX_IMAGE_BYTES as MAX_BYTES

from ..conftest import PNG, png

JSON = {"content-type": "application/json"}


FORM = {"content-type": "multipart/form-data; boundary=x"}


def form(name: bytes, content: bytes = b"x", parts: int = 1) -> bytes:
    part = b'--x\r\ncontent-disposition: form-data; name="' + name + b'"\r\n\r\n' + content + b"\r\n"
    return part * parts + b"--x--\r\n"


BAD = {
    "no type": (png(), {}, 415, "content-type: must be image/*, multipart/form-data or application/json, not ''"),
    "text type": (png(), {"content-type": "text/plain"}, 415, "content-type: must be"),
    "no form": (png(), {"content-type": "multipart/form-data; boundary=x"}, 422, "image: the form cannot be read"),
    "no boundary": (png(), {"content-type": "multipart/form-data"}, 422, "image: the form cannot be read"),
    "no file": (form(b"image", b""), FORM, 422, "image: the form holds no file"),
    "two files": (form(b'image"; filename="a', parts=2), FORM, 422, "image: the form cannot be read: Too many files"),
    "large form": (form(b'image"; filename="a', bytes(MAX_BYTES + 70_000)), FORM, 413, "image: at most 10485760"),
    "large file": (form(b'image"; filename="a', bytes(MAX_BYTES + 1)), FORM, 413, "image: at most 10485760"),
    "long key": (png(), PNG | {"idempotency-key": "x" * 256}, 422, "Idempotency-Key: String should have at most 255"),
    "empty": (b"", PNG, 422, "image: is empty"),
    "text": (b"hello", PNG, 422, "image: not a JPEG, PNG, GIF or BMP file"),
    "large": (bytes(MAX_BYTES + 1), PNG, 413, "image: at most 10485760 bytes"),
    "no JSON": (b"{", JSON, 422, "image_data: Invalid JSON"),
    "no field": (b"{}", JSON, 422, "image_data: Field required"),
    "number": (b'{"image_data": 7}', JSON, 422, "image_data: Input should be a valid string"),
    "no base64": (b'{"image_data": "%%%%"}', JSON, 422, "image_data: not base64"),
    "not ASCII": ('{"image_data": "é"}'.encode(), JSON, 422, "image_data: not base64"),
    "half": (b'{"image_data": "abc"}', JSON, 422, "image_data: not base64"),
    "empty text": (b'{"image_data": ""}', JSON, 422, "image: is empty"),
    "large text": (b'{"image_data": "' + b"A" * 14_000_000, JSON, 413, "image: at most 10485760 bytes"),
    "deep": (b"[" * 100_000, JSON, 422, "image_data: Invalid JSON"),
    "not UTF-8": (b'{"image_data": "\xff"}', JSON, 422, "image_data: Invalid JSON"),
}


@pytest.mark.parametrize("form", ["raw", "file", "base64"])
def test_an_image_is_accepted_and_stored_unchanged(api, redis_url, form):
    image = png("trailing bytes, \x00 as well") + bytes(3_000_000)  # more than a form keeps in memory by default
    forms = {
        "raw": {"content": image, "headers": PNG},
        "file": {"files": {"any_name": ("../digit.png", image)}, "data": {"comment": "not looked at"}},
        "base64": {"json": {"image_data": base64.b64encode(image).decode()}},
    }
    answer = api.post("/predict", **forms[form])
    job_id = answer.json()["job_id"]
    assert (answer.status_code, answer.json()) == (202, {"job_id": job_id, "status": "pending"})
    assert re.fullmatch("[0-9a-f]{32}", job_id)
    assert answer.headers["location"] == f"/job/{job_id}"
    assert redis.Redis.from_url(redis_url).get(f"{job_id}_image") == image


@pytest.mark.parametrize(("body", "headers", "status", "detail"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_the_reason(api, store, body, headers, status, detail):
    answer = api.post("/predict", content=body, headers=headers)
    assert (answer.status_code, answer.json()["detail"][: len(detail)]) == (status, detail)
    assert len(answer.text) < 300
    assert store.keys() == []


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(api, store):
    sent = []
    pieces = (sent.append(1) or bytes(2**20) for _ in range(1000))
    with contextlib.suppress(httpx.NetworkError, httpx.RemoteProtocolError):  # it may hang up while we still send
        assert api.post("/predict", content=pieces, headers=PNG).status_code == 413
    assert len(sent) < 100
    assert store.keys() == []


def test_the_documentation_shows_all_bodies_and_errors(api):
    assert api.get("/docs").status_code == 200
    predict = api.get("/openapi.json").json()["paths"]["/predict"]["post"]
    assert set(predict["requestBody"]["content"]) == {"application/json", "image/*", "multipart/form-data"}
    assert {"202", "408", "409", "413", "415", "422", "503"} == set(predict["responses"])
