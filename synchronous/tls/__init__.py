"""TLS to the server, client certificates, and a token or key with each call.

Protects from: reading and altering images and answers on the network; a server or a caller that is not the right one.
Costs: a handshake for each connection, and the encryption of each call.
Instead: a proxy or a service mesh beside the client that encrypts all traffic.
Remove: delete this folder and the lines that end with "# optional: tls"
"""

from collections.abc import Callable, Sequence
from typing import Any

import grpc

from ..channel import direct
from .credentials import read_security
from .handshake import explain
from .secure_channel import SecureChannel, secure_channel


def secure(open_plain: Callable[..., grpc.Channel], options: Sequence[tuple[str, Any]]) -> Callable[..., SecureChannel]:
    """Return a function that opens a channel as the environment says, with these options and those of its caller.

    Raises:
        ValueError: the environment contradicts itself, or names a file that is not valid.
    """
    security = read_security()

    def open_channel(target: str, more: Sequence[tuple[str, Any]] = ()) -> SecureChannel:
        return secure_channel(open_plain, security, target, [*options, *direct(target)], more)

    return open_channel


def http_options() -> dict[str, Any]:
    """Return httpx's settings as the environment says, and `explain`, which finds whether TLS caused an error."""
    security = read_security()
    options: dict[str, Any] = {"headers": dict(security.headers), "explain": explain}
    if security.demands_tls:
        options["verify"] = security.context()
    return options
