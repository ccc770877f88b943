"""HTTP/1.1 on one connection: uvicorn's, without three ways in which it would fail its callers."""

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024  # bytes before a body, beyond the read in which they began
TAKEN_WITHIN = 30.0  # seconds for a caller to take what was written, once more than 64 KiB of it wait


class Protocol(HttpToolsProtocol):
    """Bounds headers, lets go of who never reads, and passes over a wish for another protocol, as HTTP allows.

    httptools takes what follows `Upgrade: h2c`, which Java's HttpClient sends by default, for that other protocol:
    the body would be lost.
    """

    _head = 0
    _unread: asyncio.TimerHandle

    def pause_writing(self) -> None:
        """Too much waits for the caller."""
        super().pause_writing()
        self._unread = self.loop.call_later(TAKEN_WITHIN, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller reads again."""
        super().resume_writing()
        self._unread.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request that wishes to upgrade is parsed once more without its wish."""
        self._unset_keepalive_if_required()
        begun, fault = self.scope, ""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.parser = httptools.HttpRequestParser(self)
                self.data_received(self._plain_head() + data[upgrade.args[0] :])
        except httptools.HttpParserError:
            fault = "Invalid HTTP request received."
        else:
            # A request has a scope from its first byte, and a cycle from the end of its headers.
            complete = self.cycle is not None and self.cycle.scope is self.scope
            self._head = 0 if complete or self.scope is not begun else self._head + len(data)
            fault = f"Headers larger than the limit of {MAX_HEAD} bytes." if self._head > MAX_HEAD else ""
        if fault:
            self.logger.warning(fault)
            self.send_400_response(fault)

    def _should_upgrade(self) -> bool:
        return self.scope["method"] != "CONNECT"  # if true, uvicorn does not begin with the request

    def _plain_head(self) -> bytes:
        headers = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0] not in (b"upgrade", b"http2-settings")]
        line = f"{self.scope['method']} {self.url.decode('ascii')} HTTP/{self.scope['http_version']}\r\n"
        return line.encode() + b"".join(headers) + b"\r\n"
