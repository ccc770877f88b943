"""The server and the bare signature, each in a process of its own on the same CPU, and clients on the other CPUs."""

import io
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

from PIL import Image

from local.demo.samples import photographs
from local.processes import ROOT, Program, ProgramFailed, uninterrupted
from local.servers import answers, free_port
from local.stack import ARTIFACTS

DIGITS, WIDTH = ARTIFACTS / "digits", 320
QUALITY = 90
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_USE_LEGACY_KERAS": "1"}


@dataclass(frozen=True)
class Plan:
    """How much is measured on each side of a round."""

    rounds: int
    calls: int
    seconds: float  # of 16 clients


@dataclass(frozen=True)
class Side:
    """One side of a round: the seconds of each call, and the CPU seconds of all calls."""

    took: list[float]
    cpu: float

    @property
    def median(self) -> float:
        return median(self.took)


@dataclass(frozen=True)
class Server:
    """A running server; its ports are on 127.0.0.1."""

    program: Program
    model: str
    port: int
    rest_port: int

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"


class Baseline:
    """The process that runs baseline.py."""

    def __init__(self, argv: list[str]) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self._process = subprocess.Popen(argv, cwd=ROOT, env=os.environ | QUIET, start_new_session=True, **pipes)
        self.pid = self._process.pid
        if self._process.stdout.readline() != "ready\n":
            raise ProgramFailed(f"the baseline did not start: {' '.join(argv)}")

    def seconds(self, batch: int, calls: int) -> list[float]:
        """Call the signature `calls` times with `batch` images; return the seconds of each call."""
        self._process.stdin.write(f"{batch} {calls}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


class Environment:
    """Starts what is measured, with logs in a temporary folder; leaves nothing running."""

    def __init__(self, cpu: int) -> None:
        """Run servers and baselines on `cpu`."""
        self._pinned = ["taskset", "-c", str(cpu), sys.executable, "-m"]

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def server(self, base_path: Path, *flags: str) -> Server:
        """Start the server on a model's folder, which gives the model its name."""
        port, rest = free_port(), free_port()
        argv = [*self._pinned, "serving", f"--port={port}", f"--rest_api_port={rest}", *flags]
        argv += [f"--model_name={base_path.name}", f"--model_base_path={base_path}"]
        status = f"http://127.0.0.1:{rest}/v1/models/{base_path.name}"
        with uninterrupted():
            program = Program("serving", argv, lambda: answers(status), self.folder / f"{port}.log")
            self._stack.callback(program.stop)
        return Server(program.wait_ready(), base_path.name, port, rest)

    def baseline(self, base_path: Path, image: bytes) -> Baseline:
        """Start the baseline on version 1 of the same model."""
        file = self.folder / "image"
        file.write_bytes(image)
        with uninterrupted():
            baseline = Baseline([*self._pinned, "benchmarks.synchronous.baseline", str(base_path / "1"), str(file)])
            self._stack.callback(baseline.stop)
        return baseline


def photograph(width: int) -> bytes:
    """Return a photograph as a JPEG file of this width in pixels; 320 pixels make 22 KB."""
    image = Image.open(io.BytesIO(photographs()[0]))
    file = io.BytesIO()
    image.resize((width, width * image.height // image.width)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
