"""Which URLs may be called back, and at which addresses."""

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass

import httpx

from .settings import CallbackSettings

MAX_LENGTH = 2000
_PORTS = {"http": 80, "https": 443}
_ASSIGNED = ipaddress.ip_network("2000::/3")  # all IPv6 addresses of the Internet are in it
_TUNNELS = [ipaddress.ip_network(text) for text in ("2002::/16", "2001::/32")]  # they contain an IPv4 address


class Refused(Exception):
    """This URL, or its address, may not be called back; the message says why, without the URL's path."""


class NotListed(Refused):
    """CALLBACK_HOSTS does not name the URL's host; the proxy may have accepted the URL by a newer list."""


@dataclass(frozen=True)
class Allowed:
    """One entry of CALLBACK_HOSTS: `[SCHEME://]HOST[:PORT]`, by default https; HOST may begin with `*.`"""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, entry: str) -> "Allowed":
        scheme, _, place = entry.rpartition("://")
        host, _, port = place.partition(":")
        scheme = scheme or "https"
        return cls(scheme, host.lower(), int(port or _PORTS[scheme]))

    def allows(self, url: httpx.URL) -> bool:
        same_host = url.host.endswith(self.host[1:]) if self.host.startswith("*.") else url.host == self.host
        return same_host and (url.scheme, url.port or _PORTS[url.scheme]) == (self.scheme, self.port)


def check_url(text: str, settings: CallbackSettings) -> httpx.URL:
    """Return the URL if CALLBACK_HOSTS allows it; otherwise raise `Refused`."""
    if not settings.callback_hosts:
        raise Refused("callbacks are off: set CALLBACK_HOSTS")
    if len(text) > MAX_LENGTH or not re.fullmatch(r"[\x21-\x7e]+", text) or "\\" in text:
        raise Refused(f"must be a URL of at most {MAX_LENGTH} printable ASCII characters")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise Refused("is not a valid URL") from None
    if url.scheme not in _PORTS or not url.host or url.userinfo or url.fragment:
        raise Refused("must be https://HOST/PATH, without user, password and fragment")
    if not any(Allowed.of(entry).allows(url) for entry in settings.callback_hosts.split(",")):
        raise NotListed(f"{url.scheme}://{url.netloc.decode()} is not among CALLBACK_HOSTS")
    return url


async def resolve(url: httpx.URL, settings: CallbackSettings) -> str:
    """Return an address of the URL's host to connect to.

    Raises:
        Refused: one of its addresses is not public, and CALLBACK_PRIVATE is not set.
        OSError: the host's name cannot be resolved now.
    """
    port = url.port or _PORTS[url.scheme]
    found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    for address in addresses:
        if not settings.callback_private and not is_public(address):
            raise Refused(f"the host {url.host} has the address {address}, which is not public")
    return addresses[0]


def is_public(text: str) -> bool:
    """Return whether this is a public Internet address that neither contains nor leads to one of another network."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if isinstance(address, ipaddress.IPv6Address):
        return address in _ASSIGNED and address.is_global and not any(address in network for network in _TUNNELS)
    return address.is_global and not address.is_multicast
