"""What callers may do to a connection."""

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
from web_single import protocol

from .load import BODY, LASTING
from .running import Service, answer_on

WISH = (
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
    """Return a connection without a network, whose requests wait for as long as nobody gives way to them."""
    connection = protocol.Protocol(Config(lambda: None, log_config=None), ServerState(), {})
    connection.connection_made(Transport())
    return connection


def test_a_wish_for_http_2_is_passed_over_and_the_body_is_read(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    with socket.create_connection(("127.0.0.1", running.port)) as caller:
        for parts in ([WISH + LENGTH + BODY], [WISH[:-9], WISH[-9:] + LENGTH, BODY], [WISH + CHUNKED, chunks]):
            for part in parts:
                caller.sendall(part)
            assert answer_on(caller).status == 200
        caller.sendall(WISH + LENGTH + BODY + LASTING)  # and what comes behind it
        received = b""
        while received.count(b"200 OK") < 2:
            received += caller.recv(4096) or pytest.fail("closed")


def test_a_connection_to_somewhere_else_is_refused(service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    with socket.create_connection(("127.0.0.1", running.port)) as caller:
        caller.sendall(b"CONNECT test:80 HTTP/1.1\r\nhost: test\r\n\r\n")
        assert answer_on(caller).status in (400, 404)


def test_headers_without_an_end_are_refused() -> None:
    async def receive(*parts: bytes) -> bytes:
        connection = opened()
        for part in parts:
            connection.data_received(part)
        return connection.transport.written

    endless = b"GET / HTTP/1.1\r\nx: "
    long = b"a" * (protocol.MAX_HEAD + 1)
    assert asyncio.run(receive(endless, long)).startswith(b"HTTP/1.1 400")
    assert asyncio.run(receive(endless, b"\r\n\r\n" + endless, long, b"a")).startswith(b"HTTP/1.1 400")
    # One after the other, each read ending in the midst of the next one's headers.
    assert asyncio.run(receive(endless, *[b"\r\n\r\n" + endless + long] * 4)) == b""


def test_a_caller_who_does_not_read_is_let_go_of(monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]) -> None:
    monkeypatch.setattr(protocol, "TAKEN_WITHIN", 0.2)
    ended = threading.Event()

    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        for _ in range(64):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        ended.set()

    port = free_port()
    server = Server(Config(much, port=port, http=protocol.Protocol, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(LASTING)
        assert ended.wait(10)
    server.should_exit = server.force_exit = True
    thread.join(10)


def test_a_caller_who_reads_again_is_kept() -> None:
    async def paused_and_resumed() -> Any:
        connection = opened()
        connection.pause_writing()
        connection.resume_writing()
        return connection._unread

    assert asyncio.run(paused_and_resumed()).cancelled()
