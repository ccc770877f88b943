"""TLS from the worker to TensorFlow Serving, client certificates, and a token or key with each call.

Protects from: reading and altering images and answers on the network; a server or a caller that is not the right one.
Costs: a handshake for each connection, and the encryption of each call.
Instead: a proxy or a service mesh beside the worker that encrypts all traffic.
Remove: delete this folder and the lines that end with "# optional: tls"
"""

from collections.abc import Callable, Sequence
from typing import Any

from .credentials import read_security


def secure(open_plain: Callable[..., Any], options: Sequence[tuple[str, Any]]) -> Callable[..., Any]:
    """Return a function that opens a channel as the environment says, with these options and those of its caller."""
    from .secure_channel import secure_channel  # not at the top: the parent process does not need gRPC

    security = read_security()
    return lambda target, more=(): secure_channel(open_plain, security, target, options, more)


def check_security() -> None:
    """End the program with one line if a setting is wrong. The parent does it, so that no child fails."""
    try:
        read_security()
    except ValueError as error:
        raise SystemExit(f"wrong settings: {error}") from None
