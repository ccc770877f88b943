"""HTTP/1.1 on one connection: uvicorn's protocol, hardened against three kinds of client.

Twin: web_single/workers and asynchronous/server hold this file byte for byte.
"""

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024  # of one request, not counting the read in which its headers began
MAX_UNREAD_SECONDS = 30.0  # in which a client must read, once more than 64 KiB wait for it


class Protocol(HttpToolsProtocol):
    """Limits the size of headers, disconnects clients that stop reading, and ignores requests to upgrade to HTTP/2.

    A server may ignore `Upgrade: h2c`, which Java's HttpClient sends by default. httptools does not: it treats the
    bytes after the headers as HTTP/2, so the request would lose its body.
    """

    _header_bytes = 0
    _disconnect: asyncio.TimerHandle

    def pause_writing(self) -> None:
        """Start the time limit: more than 64 KiB wait for the client to read."""
        super().pause_writing()
        self._disconnect = self.loop.call_later(MAX_UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the time limit: the client reads again."""
        super().resume_writing()
        self._disconnect.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse what arrived. A request to upgrade is parsed again without its upgrade headers."""
        self._unset_keepalive_if_required()
        previous_scope, problem = self.scope, ""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.parser = httptools.HttpRequestParser(self)
                self.data_received(self._head_without_upgrade() + data[upgrade.args[0] :])
        except httptools.HttpParserError:
            problem = "Invalid HTTP request received."
        else:
            self._count_header_bytes(data, previous_scope)
            if self._header_bytes > MAX_HEADER_BYTES:
                problem = f"Headers larger than the limit of {MAX_HEADER_BYTES} bytes."
        if problem:
            self.logger.warning(problem)
            self.send_400_response(problem)

    def _count_header_bytes(self, data: bytes, previous_scope: object) -> None:
        # A request has a scope from its first byte, and a cycle from the end of its headers.
        headers_complete = self.cycle is not None and self.cycle.scope is self.scope
        if headers_complete or self.scope is not previous_scope:
            self._header_bytes = 0
        else:
            self._header_bytes += len(data)

    def _should_upgrade(self) -> bool:
        # If this is true, uvicorn does not start the request, and `data_received` parses it again.
        return self.scope["method"] != "CONNECT"

    def _head_without_upgrade(self) -> bytes:
        headers = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0] not in (b"upgrade", b"http2-settings")]
        line = f"{self.scope['method']} {self.url.decode('ascii')} HTTP/{self.scope['http_version']}\r\n"
        return line.encode() + b"".join(headers) + b"\r\n"
