"""A Python that has imported TensorFlow and forks: programs start without that import, 4 seconds of processor time.

What is started is a process of its own, with its own session, output and exit code, and can be killed like any other.
It runs `python -m`, `python -c` or `python FILE` as Python does. The tests of the start itself use `start`.
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.processes import ROOT, Program

MODULES = ["tensorflow", *(f"serving.{name}" for name in ("grpc_service", "health", "loading", "manager", "rest"))]
NUMBER = struct.Struct("i")


class Process:
    """The part of `subprocess.Popen` that `Program` uses, for a process whose parent is another program."""

    def __init__(
        self, control: socket.socket, argv: Sequence[object], out: int, err: int, env: Mapping[str, str]
    ) -> None:
        self.args, self.returncode = [str(word) for word in argv], None
        self._report, write = os.pipe()
        socket.send_fds(control, [json.dumps([self.args[1:], dict(env)]).encode()], [out, err, write])
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
    """A `Program` that Python with TensorFlow has forked."""

    def __init__(
        self, control: socket.socket, name: str, argv: Sequence[object], ready: Callable[[], bool], log: Path,
        env: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.name, self.log, self._ready = name, log, ready
        with log.open("ab") as output:
            self._process = Process(control, argv, output.fileno(), output.fileno(), env)
        self.pid = self._process.pid
        Program.started.append(self)


class Preloaded:
    """Start programs; `argv` is the command that would start one without the import."""

    def __init__(self, log: Path) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, "-m", "tests.serving.preloaded", str(theirs.fileno())]
        with theirs, log.open("ab") as output:
            self._parent = subprocess.Popen(
                argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip

    def start(
        self,
        name: str,
        argv: Sequence[object],
        ready: Callable[[], bool],
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> Program:
        return ForkedProgram(self._control, name, argv, ready, log, env or {})

    def run(self, argv: Sequence[object], seconds: float = 280) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, as `subprocess.run` does."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = Process(self._control, argv, out.fileno(), err.fileno(), {})
            try:
                process.wait(seconds)
            finally:
                process.kill()
            printed = [file.seek(0) or file.read() for file in (out, err)]
        return subprocess.CompletedProcess(process.args, process.returncode, *printed)

    def close(self) -> None:
        self._control.close()
        self._parent.wait()


def fork_on_request(control: socket.socket) -> None:
    """Fork for each request, until the tests close their end of the socket."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes that wait for the programs
    while True:
        request, descriptors, *_ = socket.recv_fds(control, 1 << 20, 3)
        if not request:
            return
        if not os.fork():
            control.close()
            return start_and_wait(*json.loads(request), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def start_and_wait(words: list[str], env: dict[str, str], out: int, err: int, report: int) -> None:
    """Run the program in another process, and report its process id and its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        os.close(report)
        os.setsid()
        os.dup2(out, 1), os.dup2(err, 2), os.close(out), os.close(err)
        os.environ.update(env)
        return run_as_python(*words)
    os.close(out), os.close(err)
    os.write(report, NUMBER.pack(child))
    os.write(report, NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
    os._exit(0)


def run_as_python(first: str, *words: str) -> None:
    if first == "-m":
        sys.argv = [*words]
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *words[1:]]
        exec(words[0], {"__name__": "__main__"})
    else:
        sys.argv = [first, *words]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    from serving.__main__ import QUIET

    del sys.modules["serving.__main__"]  # a program imports it again
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        fork_on_request(requests)
