"""What one key, one request and one slow client may use."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.processes import wait_until

LABEL = "/web_single/label"


def test_a_key_that_asks_too_often_gets_429_and_its_share_while_another_key_is_served(start_gateway):
    gateway = start_gateway(KEY_REQUESTS_PER_SECOND="9")
    with gateway.client(gateway.key) as shop, gateway.client(gateway.other_key) as lab:
        answers, others = [shop.get(LABEL) for _ in range(40)], [lab.get(LABEL).status_code for _ in range(5)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused[0].json() == {"detail": "requests: more than 9 in a second"}
        assert refused[0].headers["retry-after"] == "1"
        assert [answer.status_code for answer in answers[:9]] == [200] * 9
        assert others == [200] * 5
        wait_until(lambda: shop.get(LABEL).status_code == 200, what="its share, although it never stopped asking")


def test_a_key_with_many_requests_in_flight_gets_429_while_another_key_is_served(start_gateway):
    gateway, over = start_gateway(KEY_REQUESTS_IN_FLIGHT="2"), threading.Event()
    gateway.upstream.answer = lambda request: (200, {}, b"" if request.path == "/label" or over.wait(200) else b"late")
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(gateway.ask, "/batch/data") for _ in range(2)]
        wait_until(lambda: len(gateway.upstream.received) == 2)
        assert gateway.ask(LABEL) == (429, b'{"detail": "requests: more than 2 in flight"}')
        assert gateway.ask(LABEL, **{"x-api-key": gateway.other_key})[0] == 200
        over.set()
        assert [answer.result()[0] for answer in waiting] == [200, 200]
    wait_until(lambda: gateway.ask(LABEL)[0] == 200)  # it may count an answer a moment after the caller has it


@pytest.mark.parametrize("size", [101, 5_000_000])
def test_a_body_that_is_too_large_gets_413_and_reaches_no_service(start_gateway, size):
    gateway = start_gateway(MAX_BODY_BYTES="100")
    with gateway.client(gateway.key) as client:
        answer = client.post("/batch/data", content=b"x" * size)
        assert (answer.status_code, answer.json()) == (413, {"detail": "body: larger than the limit of 100 bytes"})
        # The rest of a body beyond the gateway's buffer may still be on its way.
        assert answer.headers.get("connection") == ("close" if size > 16_384 else None)
        assert gateway.upstream.received == []
        assert client.post("/batch/data", content=b"x" * 100).status_code == 200
    assert gateway.upstream.received[0].body == b"x" * 100


def test_a_body_without_a_length_gets_411_and_reaches_no_service(gateway):
    with gateway.client(gateway.key) as client:
        answer = client.post("/batch/data", content=iter([b"x"]))
    assert (answer.status_code, answer.json()) == (411, {"detail": "content-length: is missing"})
    assert gateway.upstream.received == []


def test_slow_headers_and_a_slow_body_get_408_and_reach_no_service(gateway):
    headers = b"POST /batch/data HTTP/1.1\r\nhost: test\r\n"
    body = headers + b"x-api-key: " + gateway.key.encode() + b"\r\ncontent-length: 9\r\n\r\nslow"
    with gateway.connect() as first, gateway.connect() as second:
        first.sendall(headers)
        second.sendall(body)
        assert first.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert second.recv(4096).endswith(b'{"detail": "request: is not complete after 10 seconds"}')
    assert gateway.upstream.received == []


def test_the_queue_for_a_service_is_bounded(start_gateway):
    """64 requests are with the server and 256 are queued; the next is refused at once, and the others are answered."""
    gateway, over = start_gateway(KEY_REQUESTS_IN_FLIGHT="1000", KEY_REQUESTS_PER_SECOND="10000"), threading.Event()
    gateway.upstream.answer = lambda _: (200, {}, b"" if over.wait(200) else b"late")
    request = f"GET /batch/data HTTP/1.1\r\nhost: test\r\nx-api-key: {gateway.key}\r\n\r\n".encode()
    connections = [gateway.connect() for _ in range(325)]
    for connection in connections:
        connection.sendall(request)
    wait_until(lambda: refusals(gateway) == 5, what="five refusals")
    over.set()
    first_lines = [connection.recv(4096).partition(b"\r\n")[0] for connection in connections]
    for connection in connections:
        connection.close()
    assert set(first_lines) == {b"HTTP/1.1 200 OK", b"HTTP/1.1 503 Service Unavailable"}
    assert refusals(gateway) == 5


def refusals(gateway):
    """Return how many requests the gateway refused by itself, before it queued them."""
    return sum(line["end"] == "LR--" for line in gateway.log("shop"))
