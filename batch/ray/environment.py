"""What Ray reads from the environment when it is imported."""

import os
import re
import secrets
import socket

from ..errors import ServiceError

SECONDS = 10  # in which a cluster must answer


class ClusterAway(ServiceError):
    """Nothing answers at the address of the cluster. Ray itself would try to reach it for many minutes."""


def check_cluster() -> None:
    """Raise `ClusterAway` if RAY_ADDRESS is a host and a port, and nothing listens there."""
    address = os.environ.get("RAY_ADDRESS", "")
    if found := re.fullmatch(r"\[?([^/]+?)\]?:(\d{1,5})", address):
        try:
            socket.create_connection((found[1], int(found[2])), SECONDS).close()
        except (OSError, OverflowError) as error:
            raise ClusterAway(f"RAY_ADDRESS: no cluster answers at {address}: {error}") from None


def protect() -> None:
    """Make a cluster that is started here accept nothing without a token of its own.

    Its ports are open to the network, and it runs what is sent to them.
    """
    # Otherwise Ray writes a line to stderr for each actor: it cannot be restarted without this process.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if "RAY_ADDRESS" not in os.environ and "RAY_AUTH_MODE" not in os.environ:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
