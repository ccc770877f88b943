"""HTTP/1.1 on one connection: uvicorn's, without three ways in which it would fail its callers."""

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024  # bytes before a body, beyond the read in which they began
TAKEN_WITHIN = 30.0  # seconds for a caller to take what was written, once more than 64 KiB of it wait


class Protocol(HttpToolsProtocol):
    """Bounds headers, lets go of who does not read, and passes over a wish for another protocol, as HTTP allows.

    Headers without an end would fill the memory, and a caller who asks on and takes no answer would hold a place in
    flight for ever. And httptools takes what follows `Upgrade: h2c`, which Java's HttpClient sends unless told
    otherwise, for that other protocol: the body is lost.
    """

    _head = 0
    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Too much waits for the caller."""
        super().pause_writing()
        self._unread = self.loop.call_later(TAKEN_WITHIN, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller reads again."""
        super().resume_writing()
        if self._unread:
            self._unread.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request that wishes to upgrade is parsed once more without its wish."""
        self._unset_keepalive_if_required()
        begun = self.scope
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.parser = httptools.HttpRequestParser(self)
                self.data_received(self._plain_head() + data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse("Invalid HTTP request received.")
        else:
            # A request has a scope from its first byte, and a cycle from the end of its headers.
            complete = self.cycle is not None and self.cycle.scope is self.scope
            self._head = 0 if complete or self.scope is not begun else self._head + len(data)
            if self._head > MAX_HEAD:
                self._refuse(f"Headers larger than the limit of {MAX_HEAD} bytes.")

    def _refuse(self, why: str) -> None:
        self.logger.warning(why)
        self.send_400_response(why)

    def _should_upgrade(self) -> bool:
        return self.scope["method"] != "CONNECT"  # if true, uvicorn does not begin with the request

    def _plain_head(self) -> bytes:
        headers = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0] not in (b"upgrade", b"http2-settings")]
        method, version = self.scope["method"].encode(), self.scope["http_version"].encode()
        return b"%s %s HTTP/%s\r\n%s\r\n" % (method, self.url, version, b"".join(headers))
