"""The transport over REST: one call, no retries, and a timeout for every call, as over gRPC."""

import asyncio
import base64
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from typing import Any, TypeVar
from urllib.parse import SplitResult, quote

import httpx

from ..transport import Prediction, ServingError
from .addresses import Addresses, Server, is_proxied
from .answers import error_of, predictions

T = TypeVar("T")
Body = Callable[[], bytes]
CONNECT_SECONDS = 2.0  # then the next server is asked: a machine that is gone does not refuse a connection
_JSON = {"Content-Type": "application/json"}


class RestTransport:
    """The REST API at `urls`; one pool of connections, safe to use from many threads. `options` are httpx's.

    Raises:
        ValueError: a URL, or a proxy's URL in the environment, cannot be used.
    """

    def __init__(self, urls: list[SplitResult], options: Mapping[str, Any]) -> None:
        options = dict(options)
        self._explain = options.pop("explain", lambda address, encrypted, details: None)
        # httpx limits each read and each write, but not their sum. asyncio limits the whole call.
        try:
            options["timeout"] = httpx.Timeout(None, connect=CONNECT_SECONDS)
            # A client with a transport of its own ignores the environment's proxies.
            transport = httpx.AsyncHTTPTransport(verify=options.get("verify", True))
            self._direct = self._proxied = httpx.AsyncClient(transport=transport, **options)
            if any(map(is_proxied, urls)):
                self._proxied = httpx.AsyncClient(**options)
            for url in urls:
                httpx.URL(url.geturl())
        except (httpx.InvalidURL, ImportError) as error:  # a SOCKS proxy needs another package
            raise ValueError(str(error)) from error
        self._addresses = Addresses(urls)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._open = True
        self._starting = threading.Lock()  # a call that reached the loop after `close` would never run

    def predict(self, model: str, images: list[bytes], timeout: float) -> list[Prediction]:
        def body() -> bytes:
            return b'{"instances":[%b]}' % b",".join(b'{"b64":"%b"}' % base64.b64encode(image) for image in images)

        return self.call("POST", f"/v1/models/{quote(model, safe='')}:predict", body, timeout, predictions)

    def metadata(self, model: str, timeout: float) -> dict[str, Any]:
        return self.call("GET", f"/v1/models/{quote(model, safe='')}/metadata", None, timeout, dict[str, Any])

    def close(self) -> None:
        with self._starting:
            if not self._open:
                return
            self._open = False
        asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut_down(self) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        # An answer that could not be decoded leaves half-read generators, which only this loop can close.
        await self._loop.shutdown_asyncgens()
        for http in {self._direct, self._proxied}:
            await http.aclose()

    async def _exchange(self, method: str, path: str, content: bytes | None, deadline: float) -> httpx.Response:
        async with asyncio.timeout_at(deadline):
            *first, last = await self._addresses.in_turn()
            for server in first:
                try:
                    return await self._ask(server, method, path, content)
                except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.RemoteProtocolError):
                    self._addresses.lost(server)
            return await self._ask(last, method, path, content)

    async def _ask(self, server: Server, method: str, path: str, content: bytes | None) -> httpx.Response:
        host, encrypted = server.name.rpartition(":")[0].strip("[]"), server.url.startswith("https")
        headers, extensions = {"Host": server.name, **_JSON}, {"sni_hostname": host}
        try:
            http = self._proxied if server.proxied else self._direct
            return await http.request(
                method, server.url + path, content=content, headers=headers, extensions=extensions
            )
        except asyncio.CancelledError:  # the time is used up
            self._addresses.lost(server)
            raise
        except (httpx.TransportError, ssl.SSLError) as error:  # httpx does not translate every error of TLS
            refused = isinstance(error, httpx.ConnectError) and "SSL" not in str(error)
            if not refused and (reason := await self._explained(server.name, encrypted, repr(error))):
                raise ServingError("FAILED_PRECONDITION", reason) from error
            raise

    async def _explained(self, *error: object) -> str | None:
        return await asyncio.to_thread(self._explain, *error)  # it may connect

    def call(self, method: str, path: str, body: Body | None, timeout: float, read: Callable[[Any], T]) -> T:
        """Return `read(answer)`. `body` makes the JSON of the request in this thread, within the time of the call."""
        deadline = self._loop.time() + timeout
        content = body() if body else None  # not in the loop: a large request would hold up all other calls
        try:
            with self._starting:
                if not self._open:
                    raise CancelledError
                exchange = self._exchange(method, path, content, deadline)
                future = asyncio.run_coroutine_threadsafe(exchange, self._loop)
            response = future.result()
            if response.is_success:
                return read(response.json())
            raise error_of(response)
        except TimeoutError as error:
            raise ServingError("DEADLINE_EXCEEDED", "no answer in time") from error
        except CancelledError as error:
            raise ServingError("CANCELLED", "the client is closed") from error
        except (httpx.TransportError, OSError) as error:
            code = "FAILED_PRECONDITION" if "illegal" in str(error) else "UNAVAILABLE"  # it does not speak HTTP/1.1
            raise ServingError(code, str(error) or type(error).__name__) from error
        except (ValueError, KeyError, TypeError, RecursionError, httpx.DecodingError) as error:
            raise ServingError("UNKNOWN", "the answer is not TensorFlow Serving's") from error
