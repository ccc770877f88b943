"""The two ports: gRPC and REST, opened together and drained together."""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import grpc
import uvicorn
from starlette.applications import Starlette

from .flags import Flags

DRAIN_SECONDS = 5.0


def check_free(flags: Flags) -> None:
    """Raise `OSError` if a port is in use, before the models are loaded and not afterwards."""
    for port in filter(None, (flags.port, flags.rest_api_port)):
        _bound(flags, port).close()


def listen(
    calls: grpc.Server, flags: Flags, credentials: grpc.ServerCredentials | None = None, sockets: Iterable[str] = ()
) -> None:
    """Bind the gRPC port, with TLS if there are credentials, and `sockets` without TLS.

    Raises:
        OSError, RuntimeError: an address is in use.
    """
    host = f"[{flags.bind_address}]" if ":" in flags.bind_address else flags.bind_address
    address = f"{host}:{flags.port}"
    if credentials:
        calls.add_secure_port(address, credentials)
    else:
        calls.add_insecure_port(address)
    for each in sockets:
        calls.add_insecure_port(each)


@contextmanager
def listening(calls: grpc.Server, rest: Starlette, flags: Flags) -> Iterator[None]:
    """Answer on both ports. When the block ends, accept no more calls and give those in flight DRAIN_SECONDS.

    Raises:
        OSError, RuntimeError: the REST port is in use.
    """
    config = uvicorn.Config(
        rest, http="h11", log_level="warning", timeout_graceful_shutdown=int(DRAIN_SECONDS), lifespan="off"
    )
    http = uvicorn.Server(config)
    sockets = [_bound(flags, flags.rest_api_port)] if flags.rest_api_port else []
    thread = threading.Thread(target=http.run, args=[sockets], daemon=True)
    calls.start()
    thread.start()
    try:
        yield
    finally:
        http.should_exit = True
        calls.stop(DRAIN_SECONDS).wait()
        thread.join(DRAIN_SECONDS + 1)


def _bound(flags: Flags, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in flags.bind_address else socket.AF_INET
    return socket.create_server((flags.bind_address, port), family=family)
