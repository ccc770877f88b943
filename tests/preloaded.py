"""A Python that has imported the libraries and the patterns, and forks: programs start without these imports.

It costs a second of processor time for the patterns and their libraries, and four for TensorFlow. What is started is a
process of its own, with its own session, output and exit code, and can be killed like any other. It runs `python -m`,
`python -c` or `python FILE` as Python does. The tests of the start itself start Python.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from local.processes import ROOT, Program

# None of these reads a setting of a program when it is imported, starts a thread that a fork would miss, or shares
# memory with what is forked, as web_single.workers does.
LIBRARIES = ["alembic.command", "fastapi", "httpx", "numpy", "onnxruntime", "PIL.Image", "pydantic_settings", "pymysql"]
LIBRARIES += ["redis.asyncio", "rich.console", "sqlalchemy.dialects.mysql.pymysql", "typer", "uvicorn"]
LIBRARIES += ["google.protobuf.json_format", "grpc", "tenacity"]
LIBRARIES += ["asynchronous.app", "asynchronous.worker", "batch.job", "batch.api.app", "web_single.open_inference"]
TENSORFLOW = ["tensorflow", *(f"serving.{name}" for name in ("grpc_service", "health", "loading", "manager", "rest"))]
# The libraries read these when they are imported: serving/__main__.py sets them, too.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "NONE", "TF_USE_LEGACY_KERAS": "1"}
NUMBER = struct.Struct("i")


class Process:
    """The part of `subprocess.Popen` that `Program` uses, for a process whose parent is another program."""

    def __init__(
        self, control: socket.socket, argv: Sequence[object], streams: Sequence[IO[Any]], env: Mapping[str, str]
    ) -> None:
        self.args, self.returncode = [str(word) for word in argv], None
        self._report, write = os.pipe()
        order = json.dumps([self.args[1:], {**os.environ, **env}]).encode()
        socket.send_fds(control, [order], [*(stream.fileno() for stream in streams), write])
        os.close(write)
        self.pid = self._read()

    def _read(self) -> int:
        return NUMBER.unpack(os.read(self._report, NUMBER.size))[0]

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._report], [], [], 0)[0]:
            self.returncode = self._read()
            os.close(self._report)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            select.select([self._report], [], [], timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedProgram(Program):
    """A `Program` that was forked."""

    def __init__(
        self,
        control: socket.socket,
        name: str,
        argv: Sequence[object],
        ready: Callable[[], bool],
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.log, self._ready = name, log, ready
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output, open(os.devnull) as nothing:
            self._process = Process(control, argv, (nothing, output, output), env or {})
        self.pid = self._process.pid
        Program.started.append(self)


class Preloaded:
    """Start programs; `argv` is the command that would start one without the import of `modules`."""

    def __init__(self, log: Path, modules: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, "-m", "tests.preloaded", str(theirs.fileno()), *modules]
        with theirs, log.open("ab") as output:
            self._parent = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(self, *order: Any, **options: Any) -> Program:
        """Start a program; the arguments are those of `Program`, without a folder."""
        return ForkedProgram(self._control, *order, **options)

    def run(
        self, argv: Sequence[object], stdin: str = "", env: Mapping[str, str] | None = None, seconds: float = 280
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, as `subprocess.run` does."""
        with ExitStack() as files:
            streams = [files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)]
            streams[0].write(stdin)
            streams[0].seek(0)
            process = Process(self._control, argv, streams, env or {})
            try:
                process.wait(seconds)
            finally:
                process.kill()
            printed = [stream.seek(0) or stream.read() for stream in streams[1:]]
        return subprocess.CompletedProcess(process.args, process.returncode, *printed)

    def close(self) -> None:
        self._control.close()
        self._parent.wait()


def fork_on_request(control: socket.socket) -> None:
    """Fork for each request, until the tests close their end of the socket."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes that wait for the programs
    while True:
        request, descriptors, *_ = socket.recv_fds(control, 1 << 20, 4)
        if not request:
            return
        if not os.fork():
            control.close()
            return start_and_wait(*json.loads(request), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def start_and_wait(words: list[str], env: dict[str, str], stdin: int, stdout: int, stderr: int, report: int) -> None:
    """Run the program in another process, and report its process id and its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        os.close(report)
        os.setsid()
        for number, stream in enumerate((stdin, stdout, stderr)):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(env)
        return run_as_python(*words)
    for stream in (stdin, stdout, stderr):
        os.close(stream)
    os.write(report, NUMBER.pack(child))
    os.write(report, NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
    os._exit(0)


def run_as_python(first: str, *words: str) -> None:
    if first == "-m":
        sys.argv = [*words]
        if not hasattr(sys.modules.get(words[0]), "__path__"):
            sys.modules.pop(words[0], None)  # it runs again, as `__main__`
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *words[1:]]
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(words[0], vars(sys.modules["__main__"]))
    else:
        sys.argv = [first, *words]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    for module in sys.argv[2:]:
        importlib.import_module(module)
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        fork_on_request(requests)
