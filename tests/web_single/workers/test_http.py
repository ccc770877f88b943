"""What clients may do to a connection."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.server import ServerState

from local.processes import wait_until
from web_single.workers import http

from ..load import BODY, LASTING
from ..running import Service, answer_on

UPGRADE = (
    b"POST /predict HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
    b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n"
)
LENGTH = b"content-length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


class Transport(asyncio.Transport):
    written = b""

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass


def opened() -> Any:
    """Return a connection without a network, whose requests never get a turn of the event loop."""
    connection = http.Protocol(Config(lambda: None, log_config=None), ServerState(), {})
    connection.connection_made(Transport())
    return connection


def test_a_request_to_upgrade_to_http_2_is_ignored_and_its_body_is_read(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        for parts in (
            [UPGRADE + LENGTH + BODY],
            [UPGRADE[:-9], UPGRADE[-9:] + LENGTH, BODY],
            [UPGRADE + CHUNKED, chunks],
        ):
            for part in parts:
                client.sendall(part)
            assert answer_on(client).status == 200
        client.sendall(UPGRADE + LENGTH + BODY + LASTING)  # and the request that follows it
        received = b""
        while received.count(b"200 OK") < 2:
            received += client.recv(4096) or pytest.fail("closed")


def test_connect_is_refused(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"CONNECT test:80 HTTP/1.1\r\nhost: test\r\n\r\n")
        assert answer_on(client).status in (400, 404)


def test_headers_without_an_end_are_refused() -> None:
    async def receive(*parts: bytes) -> bytes:
        connection = opened()
        for part in parts:
            connection.data_received(part)
        return connection.transport.written

    endless = b"GET / HTTP/1.1\r\nx: "
    long = b"a" * (http.MAX_HEADER_BYTES + 1)
    assert asyncio.run(receive(endless, long)).startswith(b"HTTP/1.1 400")
    assert asyncio.run(receive(endless, b"\r\n\r\n" + endless, long, b"a")).startswith(b"HTTP/1.1 400")
    # Several requests, where each read ends within the headers of the next request.
    assert asyncio.run(receive(endless, *[b"\r\n\r\n" + endless + long] * 4)) == b""


def test_a_client_that_stops_reading_is_disconnected(
    monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    monkeypatch.setattr(http, "MAX_UNREAD_SECONDS", 0.2)
    ended = threading.Event()

    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        for _ in range(64):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        ended.set()

    port = free_port()
    server = Server(Config(much, port=port, http=http.Protocol, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(LASTING)
        assert ended.wait(60)
    server.should_exit = server.force_exit = True
    thread.join(60)


def test_a_client_that_reads_again_is_kept() -> None:
    async def paused_and_resumed() -> Any:
        connection = opened()
        connection.pause_writing()
        connection.resume_writing()
        return connection._disconnect

    assert asyncio.run(paused_and_resumed()).cancelled()
