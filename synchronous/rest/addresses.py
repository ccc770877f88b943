"""The addresses behind one or several names, in turn, resolved again every RENEW_SECONDS."""

import asyncio
import itertools
import random
import socket
import time
import urllib.request
from dataclasses import dataclass
from urllib.parse import SplitResult

from ..channel import is_near

RENEW_SECONDS = 20.0
REST_SECONDS = 2.0


@dataclass(frozen=True)
class Server:
    """One server: its URL, in which an IP address replaces the name, and the name for the Host header and for TLS."""

    url: str
    name: str
    proxied: bool = False  # a proxy resolves the name


class Addresses:
    """All servers behind `urls`. Each call begins with another server."""

    def __init__(self, urls: list[SplitResult]) -> None:
        self._urls = urls
        self._servers: list[Server] = []
        self._rest_until: dict[Server, float] = {}
        self._renew_at = 0.0
        self._turns = itertools.count(random.randrange(1000))  # noqa: S311 not every client begins with the first

    async def in_turn(self) -> list[Server]:
        """Return every server once, the next one first.

        Raises:
            OSError: the names cannot be resolved, and never could be.
        """
        if not self._servers or time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + RENEW_SECONDS
            try:
                found = [server for url in self._urls for server in await _servers(url)]
                self._servers, self._rest_until = list(dict.fromkeys(found)), {}
            except OSError:  # the name server does not answer: the known addresses remain in use
                self._renew_at = time.monotonic() + 1
                if not self._servers:
                    raise
        now = time.monotonic()
        answering = [each for each in self._servers if self._rest_until.get(each, 0) <= now] or self._servers
        number = next(self._turns) % len(answering)
        resting = [each for each in self._servers if each not in answering]
        return answering[number:] + answering[:number] + resting

    def lost(self, server: Server) -> None:
        """For REST_SECONDS, ask this server last: it did not answer, or not in time."""
        self._rest_until[server] = time.monotonic() + REST_SECONDS


def is_proxied(url: SplitResult) -> bool:
    """Return whether the environment names a proxy for a URL."""
    host, proxies = url.hostname or "", urllib.request.getproxies()
    return not (is_near(host) or urllib.request.proxy_bypass(host)) and not proxies.keys().isdisjoint(
        {url.scheme, "all"}
    )


async def _servers(url: SplitResult) -> list[Server]:
    host, port = url.hostname or "", url.port or {"http": 80, "https": 443}[url.scheme]
    if is_proxied(url):
        return [Server(url.geturl(), url.netloc, proxied=True)]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    hosts = dict.fromkeys(str(address[0]) for *_, address in found)
    return [Server(url._replace(netloc=_netloc(address, port)).geturl(), url.netloc) for address in hosts]


def _netloc(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
