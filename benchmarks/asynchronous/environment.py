"""The programs that the comparisons measure, private to one run: one Redis for both sides, proxies, workers."""

import random
import struct
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Self

import redis
from PIL import Image

from local import servers
from local.processes import Program, uninterrupted, wait_until
from local.stack import ARTIFACTS

REAL_PROXY = "asynchronous.app:create_app"
CPU_FILE = "BENCHMARK_CPU_FILE"  # names the file for the stubbed worker's CPU times at its first and last batch
CPU_TIMES = struct.Struct("dd")
MAX_QUEUED_JOBS = 1_000_000  # no comparison is about a full queue


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    jobs: int  # in the queue, for each side of a round
    seconds: float  # of HTTP load, for each side of a round
    singles: int  # jobs sent one after the other, for each side of a round
    images: int
    kills: int  # of the proxy, for each way to register


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs; `url` is where images are posted."""

    program: Program
    port: int

    def wait(self) -> Self:
        """Return when it is ready."""
        self.program.wait_ready()
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/predict"


class Environment:
    """Starts programs, each with its log in a temporary folder; leaves nothing running."""

    def __init__(self, appendfsync: str) -> None:
        self._appendfsync = appendfsync
        self._temporary = tempfile.TemporaryDirectory(prefix="benchmark-")
        self.folder = Path(self._temporary.name)
        self._programs: list[Program] = []

    def __enter__(self) -> Self:
        try:
            port = servers.free_port()
            self.redis_url = f"redis://127.0.0.1:{port}/0"
            # Its own rewriting of the log would fall into some rounds and not into others; `empty` does it instead.
            durable = ["--appendonly", "yes", "--appendfsync", self._appendfsync, "--auto-aof-rewrite-percentage", "0"]
            with uninterrupted():
                server = servers.redis_server(port, self.folder / "redis", *durable)
                self._programs.append(server)
            server.wait_ready()
            self.redis = redis.Redis(port=port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        while self._programs:
            self._programs[-1].stop()
            self._programs.pop()
        self._temporary.cleanup()

    def start(self, name: str, argv: list[str], **env: object) -> Program:
        """Start a program of this repository with the address of this environment's Redis."""
        return self._start(name, argv, lambda: True, env).wait_ready()

    def _start(self, name: str, argv: list[str], ready: Callable[[], bool], env: Mapping[str, object]) -> Program:
        told = {"REDIS_URL": self.redis_url, "MODEL_DIR": ARTIFACTS / "digits", "MAX_QUEUED_JOBS": MAX_QUEUED_JOBS}
        told_all = {key: str(value) for key, value in {**told, **env}.items()}
        argv = [sys.executable, "-m", *argv]
        with uninterrupted():
            program = Program(name, argv, ready, self.folder / f"{name}-{len(self._programs)}.log", told_all)
            self._programs.append(program)
        return program

    def stop(self, program: Program) -> None:
        program.stop()
        self._programs.remove(program)

    def proxy(self, app: str = REAL_PROXY, port: int | None = None, **env: object) -> Proxy:
        """Start one uvicorn process, as the pattern's README does. The caller waits until it is ready."""
        port = port or servers.free_port()
        ready = f"http://127.0.0.1:{port}/ready"
        argv = ["uvicorn", "--http", "asynchronous.server.http:Protocol", "--factory", app, "--port", str(port)]
        return Proxy(self._start("proxy", argv, lambda: servers.answers(ready), env), port)

    def serving(self) -> str:
        """Start the embedded serving program with the digits; return its gRPC address."""
        grpc_port, rest_port = servers.free_port(), servers.free_port()
        with uninterrupted():
            program = servers.serving(grpc_port, rest_port, ARTIFACTS / "digits", self.folder / "serving.log")
            self._programs.append(program)
        program.wait_ready()
        return f"127.0.0.1:{grpc_port}"

    def empty(self) -> None:
        """Delete all jobs, and rewrite the append-only file."""
        self.redis.flushall()
        self.redis.bgrewriteaof()
        quiet = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
        wait_until(lambda: not any(self.redis.info("persistence")[name] for name in quiet), 30, "Redis's new log")

    def redis_cpu(self) -> float:
        """Return the CPU seconds that Redis has used so far."""
        used = self.redis.info("cpu")
        return float(used["used_cpu_user"] + used["used_cpu_sys"])


def png(size: int = 20_000) -> bytes:
    """Return a PNG of nearly `size` bytes: grey noise, the same each time, which no compression makes smaller."""
    side = int((size - 100) ** 0.5)
    file = BytesIO()
    Image.frombytes("L", (side, side), random.Random(1).randbytes(side * side)).save(file, "PNG")  # noqa: S311
    return file.getvalue()
