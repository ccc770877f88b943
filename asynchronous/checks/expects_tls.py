"""Refuse to start with a REDIS_URL without TLS for a Redis that expects it.

Such a Redis resets a plain connection, and a load balancer before it does not answer. Neither goes away by itself.
"""

import re
import socket
import ssl
from urllib.parse import urlsplit

SECONDS = 1.0
REMEDIES = {
    "redis": "let it begin with rediss://",
    "redis+sentinel": "add ?ssl=true",
    "redis+cluster": "add ?ssl=true",
}


def refuse_plain(url: str) -> None:
    """End the program with one line if REDIS_URL is without TLS and the first host that it names speaks TLS."""
    parts = urlsplit(url)
    if parts.scheme not in REMEDIES or re.search("ssl=(true|1|yes)", parts.query, re.IGNORECASE):
        return
    first = urlsplit("//" + parts.netloc.rpartition("@")[2].partition(",")[0])
    default = 26379 if parts.scheme == "redis+sentinel" else 6379
    host, port = first.hostname or "localhost", first.port or default
    if speaks_tls(host, port):
        raise SystemExit(f"wrong settings: REDIS_URL: {host}:{port} expects TLS: {REMEDIES[parts.scheme]}")


def speaks_tls(host: str, port: int) -> bool:
    """Return whether a server answers a TLS handshake, if only with an alert. Nothing is sent over the connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), SECONDS) as plain, context.wrap_socket(plain, server_hostname=host):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False
