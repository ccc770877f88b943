"""How the proxy ends its connections."""

import http.client
import os
import signal
import socket
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from ..conftest import PNG, events, png, post


def test_an_upgrade_to_http_2_is_ignored_and_the_body_is_read(proxy):
    _, api = proxy()
    wish = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAA"}
    for _ in range(2):  # on one connection
        assert api.post("/predict", content=png(), headers=PNG | wish).status_code == 202


def test_all_waiting_clients_are_answered_when_the_proxy_is_told_to_stop(proxy):
    program, api = proxy()
    job_id = post(api)
    with ThreadPoolExecutor(2) as pool:
        wait = pool.submit(api.get, f"/job/{job_id}", params={"wait": 30})
        stream = pool.submit(events, api, job_id, lambda: os.kill(program.pid, signal.SIGTERM))
        program.wait(10)
        assert (wait.result().status_code, wait.result().json()["status"]) == (202, "pending")
        assert [event["status"] for event in stream.result()[1]] == ["pending"]
    assert "Traceback" not in program.log.read_text()


def test_the_last_answer_on_a_connection_says_that_it_is_the_last(proxy):
    program, api = proxy()
    with socket.create_connection((api.base_url.host, api.base_url.port)) as caller:
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
    program.wait(10)


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
