"""Start a program, wait until it is ready, stop it. The launcher, the demo, the tests and the benchmarks share this."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

ROOT = Path(__file__).resolve().parent.parent


class ProgramFailed(Exception):
    """A program cannot be started, ended early or was not ready in time; the message says why or shows its log."""


def wait_until(condition: Callable[[], object], seconds: float = 60, what: str = "the condition") -> None:
    """Return as soon as `condition()` is true; raise `TimeoutError` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)


def exit_on_signals(code: int) -> None:
    """Let SIGTERM raise `SystemExit(code)`, and SIGHUP too, which a closing terminal sends unless `nohup` is used."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: sys.exit(code))


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay signals that end this program until the block ends, so that no start is cut off half-way."""
    caught: list[int] = []
    held = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = [(number, signal.signal(number, lambda number, _: caught.append(number))) for number in held]
    try:
        yield
    finally:
        for number, handler in previous:
            signal.signal(number, handler)
        for arrived in caught:
            signal.raise_signal(arrived)


@contextlib.contextmanager
def started(argv: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a process with the options of `subprocess.Popen`; it is killed if it still runs when the block ends."""
    with contextlib.ExitStack() as ending:
        with uninterrupted():
            process = ending.enter_context(subprocess.Popen(argv, text=True, **options))
            ending.callback(process.kill)
        yield process


def last_lines(text: str) -> str:
    """Return the last lines of a program's output, for a message."""
    return "\n".join(text.splitlines()[-15:])


class Program:
    """One child process, in a process group of its own, with its output in a log file."""

    started: ClassVar[list["Program"]] = []  # all that this process started, so that a failed test can show their logs

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        ready: Callable[[], bool],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        """Start `argv` in `cwd`; `env` adds to this process's environment."""
        self.name, self.log, self._ready = name, log, ready
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid
        Program.started.append(self)

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._process.poll()

    def wait_ready(self, seconds: float = 120) -> "Program":
        """Return when it is ready; raise `ProgramFailed` when it ends first or takes longer than `seconds`."""
        try:
            wait_until(lambda: self.poll() is not None or self._ready(), seconds)
        except TimeoutError:
            raise ProgramFailed(f"{self.name} was not ready after {seconds:g} s\n{self.tail()}") from None
        if self.poll() is not None:
            raise ProgramFailed(f"{self.name} ended with exit code {self.poll()}\n{self.tail()}")
        return self

    def wait(self, seconds: float = 120) -> int:
        """Return the exit code once it has ended by itself."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL the program itself, as a crash would; its children get no signal."""
        self._process.kill()
        self._process.wait()

    def stop(self, seconds: float = 15) -> int:
        """SIGTERM, then SIGKILL for the whole process group after `seconds`; return the exit code."""
        if self.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()

    def tail(self) -> str:
        """Return the last lines of its log."""
        return last_lines(self.log.read_text(errors="replace"))
