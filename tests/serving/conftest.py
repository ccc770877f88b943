"""The servers under test, and the small models that they serve."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import grpc
import httpx
import pytest

from local.processes import Program
from local.servers import answers, free_port
from serving.messages import model_service_pb2_grpc, prediction_service_pb2_grpc
from synchronous.client import Client, connect

from .fleet import Fleet, launch


@dataclass(frozen=True)
class Server:
    grpc: str
    rest: str
    predictions: prediction_service_pb2_grpc.PredictionServiceStub
    models: model_service_pb2_grpc.ModelServiceStub
    http: httpx.Client


def connected(address: str, url: str) -> Iterator[Server]:
    with grpc.insecure_channel(address) as channel, httpx.Client(base_url=url, timeout=120) as http:
        predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        yield Server(address, url, predictions, model_service_pb2_grpc.ModelServiceStub(channel), http)


@pytest.fixture(scope="session")
def digits(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of the digits model: any server whose addresses are in SERVING_GRPC and SERVING_REST, or our own."""
    if "SERVING_GRPC" in os.environ and "SERVING_REST" in os.environ:
        yield from connected(os.environ["SERVING_GRPC"], os.environ["SERVING_REST"])
    else:
        serving = request.getfixturevalue("serving")
        yield from connected(serving.grpc, serving.rest)


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved_models")
    script = Path(__file__).with_name("saved_models.py")
    env = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}  # starts sooner, without Keras
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True, timeout=280, env=env)
    return folder


@pytest.fixture(scope="session")
def sample(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with a model of many signatures."""
    port, rest = free_port(), free_port()
    ready = f"http://127.0.0.1:{rest}/v1/models/sample"
    log = tmp_path_factory.mktemp("sample") / "log"
    program = Program("sample", server_argv(saved_models / "sample", port, rest), lambda: answers(ready), log)
    yield from connected(f"127.0.0.1:{program.wait_ready() and port}", f"http://127.0.0.1:{rest}")
    program.stop()


@pytest.fixture(scope="session")
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
        """Return what `caller` sends: the path of the files that report and release its call."""
        return str(self.folder / str(id(caller))).encode()

    def started(self, caller: object) -> bool:
        return Path(self.image(caller).decode() + ".started").exists()

    def release(self, caller: object) -> None:
        Path(self.image(caller).decode() + ".release").touch()


@pytest.fixture
def holding(start: Callable[..., Program], saved_models: Path, tmp_path: Path) -> Holding:
    """The server, which drains for a quarter of a minute: a busy machine needs some of it."""
    port, rest = free_port(), free_port()
    code = "from serving import ports, __main__; ports.DRAIN_SECONDS = 15.0; __main__.main()"
    argv = [sys.executable, "-c", code, *server_argv(saved_models / "hold", port, rest)[3:]]
    env = {"TF_NUM_INTEROP_THREADS": "4"}  # each call that waits occupies one
    program = start("hold", argv, lambda: answers(f"http://127.0.0.1:{rest}/v1/models/hold"), env)
    return Holding(program, port, rest, tmp_path)


def server_argv(base_path: Path, port: int, rest_port: int, *more: str) -> list[str]:
    """Return the command that serves `base_path` under its own name."""
    flags = [f"--port={port}", f"--rest_api_port={rest_port}", f"--model_name={base_path.name}"]
    return [sys.executable, "-m", "serving", *flags, f"--model_base_path={base_path}", *more]
