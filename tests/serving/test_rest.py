"""The REST API: its paths and methods, compressed bodies, and pages of other origins."""

import gzip
import json
import socket
import zlib

import pytest

from serving.errors import RequestRefused
from serving.http_body import LARGEST, unpacked

BODY = json.dumps({"signature_name": "half_plus_two", "instances": [1.0]}).encode()
PACKED = gzip.compress(BODY, mtime=0)


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("HEAD", "/v1/models/sample", 400, ""),
        ("PUT", "/v1/models/sample:predict", 400, "Malformed request: PUT /v1/models/sample:predict"),
        ("POST", "/v1/models/sample:predict?a=b", 400, "Malformed request: POST /v1/models/sample:predict?a=b"),
        ("GET", "/v1/models/sample?a=b", 404, "Could not find any versions of model sample?a=b"),
        ("POST", "/v1/models/sample:PREDICT", 400, "Malformed request: POST /v1/models/sample:PREDICT"),
        ("GET", "/v1/models/sample/versions/9999999999999999999", 400, "Failed to convert version"),
        ("GET", f"/v1/models/sample/versions/{'9' * 5000}", 400, "Failed to convert version"),
        ("GET", "/v1/models/%ff", 400, "Failed to decode model name:%ff"),
        ("GET", "/v1/models/sample/labels/%ff", 400, "Failed to decode model version label:%ff"),
        ("GET", "/v1/models/a%2Fb", 404, "Could not find any versions of model a/b"),
        ("GET", "/statuspage", 404, "Not Found"),
    ],
)
def test_a_path_is_read_as_tensorflow_serving_reads_it(sample, method, path, status, said):
    answer = sample.http.request(method, path, content=BODY if method in ("POST", "PUT") else None)
    assert answer.status_code == status
    assert said in answer.text


def test_the_case_of_a_path_is_ignored_and_a_name_may_be_percent_encoded(sample):
    assert sample.http.get("/V1/Models/%73ample").status_code == 200


def test_a_gzip_body_is_unpacked(sample):
    answer = sample.http.post(
        "/v1/models/sample:predict", content=gzip.compress(BODY), headers={"Content-Encoding": "gzip"}
    )
    assert answer.json() == {"predictions": [2.5]}


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (BODY, "gzip", "the body is not valid gzip"),
        (PACKED[:-4], "gzip", "not one complete gzip member"),
        (PACKED * 2, "gzip", "not one complete gzip member"),
        (gzip.compress(bytes(LARGEST + 1), 1, mtime=0), "gzip", f"more than {LARGEST} bytes"),
        (zlib.compress(BODY), "deflate", "deflate is not supported, only gzip"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(body, encoding, said):
    with pytest.raises(RequestRefused, match=said):
        unpacked(body, encoding)


def test_a_client_that_disconnects_during_its_request_is_not_an_error(fleet):
    with socket.create_connection((fleet.http.base_url.host, fleet.http.base_url.port), timeout=120) as caller:
        caller.sendall(b"POST /v1/models/first:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        caller.shutdown(socket.SHUT_WR)
        assert caller.recv(1) == b""
    assert fleet.rest_mark("first") == 1
    assert "ClientDisconnect" not in fleet.program.log.read_text()
