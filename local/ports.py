"""Ports for servers of this machine."""

import itertools
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

# Below the ports that the system gives to outgoing connections and to `bind` with port 0: otherwise a connection could
# take the port of a server that has not started yet, or that is restarted. Each process begins at a random port.
PORTS = range(20_000, 32_768)
_first = random.choice(PORTS)  # noqa: S311  not for cryptography
_ports: Iterator[int] = itertools.cycle([*range(_first, PORTS.stop), *range(PORTS.start, _first)])


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which nothing listens now; each call returns another.

    Raises:
        OSError: none of `PORTS` is free.
    """
    for port in itertools.islice(_ports, len(PORTS)):
        with suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free")
