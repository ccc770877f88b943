"""The two ports: gRPC and REST, opened together and drained together."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import uvicorn
from starlette.applications import Starlette

from .flags import Flags

DRAIN_SECONDS = 5.0


def check_free(flags: Flags) -> None:
    """Raise `OSError` if a port is in use, before the models are loaded and not after it."""
    for port in filter(None, (flags.port, flags.rest_api_port)):
        socket.create_server((flags.bind_address, port)).close()


@contextmanager
def listening(calls: grpc.Server, rest: Starlette, flags: Flags) -> Iterator[None]:
    """Answer on both ports. When the block ends, accept no more calls and give those in flight DRAIN_SECONDS.

    Raises:
        OSError, RuntimeError: a port is in use.
    """
    config = uvicorn.Config(
        rest, http="h11", log_level="warning", timeout_graceful_shutdown=int(DRAIN_SECONDS), lifespan="off"
    )
    http = uvicorn.Server(config)
    sockets = [socket.create_server((flags.bind_address, flags.rest_api_port))] if flags.rest_api_port else []
    calls.add_insecure_port(f"{flags.bind_address}:{flags.port}")
    thread = threading.Thread(target=http.run, args=[sockets], daemon=True)
    calls.start()
    thread.start()
    try:
        yield
    finally:
        http.should_exit = True
        calls.stop(DRAIN_SECONDS).wait()
        thread.join(DRAIN_SECONDS + 1)
