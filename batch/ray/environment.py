"""What Ray reads from the environment when it is imported."""

import os
import secrets


def protect() -> None:
    """Let a cluster that is started here accept nothing without a token of its own.

    Its ports are open to the network, and what is sent to them is run.
    """
    # Otherwise Ray writes to stderr that an actor cannot be restarted without this process, for each actor.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if "RAY_ADDRESS" not in os.environ and "RAY_AUTH_MODE" not in os.environ:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
