"""The servers under test, and the small models that they serve."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from local.processes import Program
from local.servers import answers, free_port
from synchronous.client import Client, connect

from .fleet import Fleet, launch
from .plugin import Server, connected, server_argv


@pytest.fixture(scope="session")
def digits(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of the digits model: any server whose addresses are in SERVING_GRPC and SERVING_REST, or our own."""
    if "SERVING_GRPC" in os.environ and "SERVING_REST" in os.environ:
        yield from connected(os.environ["SERVING_GRPC"], os.environ["SERVING_REST"])
    else:
        serving = request.getfixturevalue("serving")
        yield from connected(serving.grpc, serving.rest)


@pytest.fixture(scope="package")  # it looks for files all the time, so it ends with the tests that use it
def fleet(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The server with a configuration file and folders that tests change; see `Fleet`."""
    fleet = launch(tmp_path_factory.mktemp("fleet"), saved_models)
    with fleet.http, fleet.channel:
        yield fleet
    fleet.program.stop()


@dataclass(frozen=True)
class Holding:
    """A server whose calls last until the test releases them."""

    program: Program
    port: int
    rest_port: int
    folder: Path

    def client(self, protocol: Literal["grpc", "rest"]) -> Client:
        port = self.port if protocol == "grpc" else self.rest_port
        return connect(protocol, f"127.0.0.1:{port}", "hold")

    def image(self, caller: object) -> bytes:
        """Return what `caller` sends: the path of the files that report and release its call.

        What the caller "forever" sends is never released.
        """
        return str(self.folder / (caller if isinstance(caller, str) else str(id(caller)))).encode()

    def started(self, caller: object) -> bool:
        return Path(self.image(caller).decode() + ".started").exists()

    def release(self, caller: object) -> None:
        Path(self.image(caller).decode() + ".release").touch()


@pytest.fixture
def holding(start_preloaded: Callable[..., Program], saved_models: Path, tmp_path: Path) -> Holding:
    """The server, which drains for a quarter of a minute: a busy machine needs some of it."""
    port, rest = free_port(), free_port()
    code = "from serving import ports, __main__; ports.DRAIN_SECONDS = 15.0; __main__.main()"
    argv = [sys.executable, "-c", code, *server_argv(saved_models / "hold", port, rest)[3:]]
    env = {"TF_NUM_INTEROP_THREADS": "4"}  # each call that waits occupies one
    program = start_preloaded("hold", argv, lambda: answers(f"http://127.0.0.1:{rest}/v1/models/hold"), env)
    return Holding(program, port, rest, tmp_path)
