"""How the proxy ends its connections."""

import http.client
import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request

import pytest

from local import servers
from local.stack import PROXY

from ..conftest import PNG, events, png, post


def test_an_upgrade_to_http_2_is_ignored_and_the_body_is_read(proxy):
    _, api = proxy()
    wish = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAA"}
    for _ in range(2):  # on one connection
        assert api.post("/predict", content=png(), headers=PNG | wish).status_code == 202


def test_all_waiting_clients_are_answered_when_the_proxy_is_told_to_stop(proxy):
    program, api = proxy()
    job_id = post(api)
    with socket.create_connection((api.base_url.host, api.base_url.port)) as waiting:
        waiting.sendall(f"GET /job/{job_id}?wait=30 HTTP/1.1\r\nhost: test\r\n\r\n".encode())
        _, seen = events(api, job_id, lambda: os.kill(program.pid, signal.SIGTERM))
        answer = http.client.HTTPResponse(waiting)
        answer.begin()
        assert (answer.status, json.load(answer)["status"]) == (202, "pending")
    assert [event["status"] for event in seen] == ["pending"]
    program.wait()
    assert "Traceback" not in program.log.read_text()


def test_the_last_answer_on_a_connection_says_that_it_is_the_last(start, free_port, redis_url):
    port = free_port()
    argv = [sys.executable, "-m", *PROXY[:-1], "tests.asynchronous.server.patient:create_app", "--port", str(port)]
    ready = lambda: servers.answers(f"http://127.0.0.1:{port}/health")  # noqa: E731
    program = start("proxy", argv, ready, {"REDIS_URL": redis_url})
    with socket.create_connection(("127.0.0.1", port)) as caller:
        closing = []
        while not any(closing):
            caller.sendall(b"GET /label HTTP/1.1\r\nhost: test\r\n\r\n")
            answer = http.client.HTTPResponse(caller)
            answer.begin()
            assert (answer.status, bool(answer.read())) == (200, True)
            closing.append(answer.will_close)
            if len(closing) == 10:
                os.kill(program.pid, signal.SIGTERM)
        assert caller.recv(1) == b""  # an orderly end, and no reset
    assert len(closing) > 10
    program.wait()


def post_with_urllib(url):
    request = urllib.request.Request(f"{url}/predict", bytes(11 * 2**20), PNG, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as answer:
        return answer.code, answer.read()


def test_an_upload_that_is_too_large_gets_its_413_every_time(proxy):
    _, api = proxy()
    answers = [post_with_urllib(str(api.base_url).rstrip("/")) for _ in range(10)]
    for _ in range(10):
        post(api)  # so that the pool keeps a connection
        refused = api.post("/predict", content=bytes(11 * 2**20), headers=PNG)
        answers.append((refused.status_code, refused.content))
    assert set(answers) == {(413, b'{"detail":"image: at most 10485760 bytes"}')}
