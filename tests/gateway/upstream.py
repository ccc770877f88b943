"""A tiny service that keeps every request it gets."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request as the service saw it."""

    method: str
    path: str
    headers: Message
    body: bytes


Answer = tuple[int, dict[str, str], bytes]


def answer_ok(_: Received) -> Answer:
    return 200, {"content-type": "application/json"}, b'{"from": "the service"}'


class HangUp(Exception):
    """Raised by `answer`, this ends the connection without an answer."""


@dataclass
class Upstream:
    """A service on a free port of 127.0.0.1; `answer` may be replaced. Health checks are not in `received`."""

    answer: Callable[[Received], Answer] = answer_ok
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> "Upstream":
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 1024

    def handle_error(self, *_: object) -> None:
        """Say nothing: the gateway closes connections, and `HangUp` is meant."""


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version, wbufsize = "HTTP/1.1", -1  # headers and body in one segment

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = Received(self.command, self.path, self.headers, body)
            status, headers, content = 200, {}, b""
            if self.path not in ("/health", "/ready"):
                upstream.received.append(request)
                status, headers, content = upstream.answer(request)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            self.wfile.flush()

        do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler
