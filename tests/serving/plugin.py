"""A pytest plugin: servers that the tests of serving/ and of synchronous/ share, and a fast start for others."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest

from local.processes import Program
from local.servers import answers, free_port
from serving.messages import model_service_pb2_grpc, prediction_service_pb2_grpc
from tests.preloaded import QUIET, TENSORFLOW, Preloaded


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
def tensorflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preloaded]:
    """A Python that has TensorFlow imported."""
    python = Preloaded(tmp_path_factory.mktemp("tensorflow") / "log", TENSORFLOW, QUIET)
    yield python
    python.close()


@pytest.fixture
def start_preloaded(tensorflow: Preloaded, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start a real program, as `start` does, from a Python that has TensorFlow imported."""
    programs: list[Program] = []

    def start(
        name: str, argv: Sequence[object], ready: Callable[[], bool], env: dict[str, str] | None = None
    ) -> Program:
        programs.append(tensorflow.start(name, argv, ready, tmp_path / f"{name}-{len(programs)}.log", env))
        return programs[-1].wait_ready()

    yield start
    for program in reversed(programs):
        program.stop()


@pytest.fixture(scope="session")
def saved_models(tensorflow: Preloaded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved_models")
    tensorflow.run([sys.executable, Path(__file__).with_name("saved_models.py"), folder]).check_returncode()
    return folder


@pytest.fixture(scope="session")
def sample(tensorflow: Preloaded, saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with a model of many signatures."""
    yield from run_server(tensorflow, saved_models / "sample", tmp_path_factory.mktemp("sample") / "log")


def run_server(tensorflow: Preloaded, base_path: Path, log: Path, *more: str) -> Iterator[Server]:
    """Serve a model until the fixture that uses this ends."""
    port, rest = free_port(), free_port()
    ready = f"http://127.0.0.1:{rest}/v1/models/{base_path.name}"
    program = tensorflow.start(base_path.name, server_argv(base_path, port, rest, *more), lambda: answers(ready), log)
    yield from connected(f"127.0.0.1:{program.wait_ready() and port}", f"http://127.0.0.1:{rest}")
    program.stop()


def server_argv(base_path: Path, port: int, rest_port: int, *more: str) -> list[str]:
    """Return the command that serves `base_path` under its own name."""
    flags = [f"--port={port}", f"--rest_api_port={rest_port}", f"--model_name={base_path.name}"]
    return [sys.executable, "-m", "serving", *flags, f"--model_base_path={base_path}", *more]
