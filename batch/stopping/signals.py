"""Stop a run between two chunks, when SIGTERM or Ctrl-C asks for it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Exit, ServiceError
from ..runner import Runner

EARLY = {Exit.DEADLINE, Exit.INTERRUPTED, Exit.TERMINATED}  # why a run may end before its last row
SECONDS_TO_STOP = 5  # Docker gives 10 before it kills, Kubernetes 30


class Signalled(ServiceError):
    """A signal ended the run."""

    def __init__(self, number: int) -> None:
        self.exit_code = Exit(128 + number)
        super().__init__(self.exit_code.name.lower())


class Stop:
    """A request to stop, made by a signal handler or another thread: the run ends when it calls this hook next."""

    def __init__(self) -> None:
        self._requested: Signalled | None = None

    def request(self, number: int = signal.SIGTERM) -> None:
        self._requested = Signalled(number)

    def __call__(self, rows: int = 0) -> None:
        """Raise `Signalled` if a stop was requested."""
        if self._requested:
            raise self._requested


@contextmanager
def stop_on_signals(runner: Runner) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C request a stop; end the block wherever it is if that takes SECONDS_TO_STOP.

    A run that ends early, also at its deadline, is no error: its result says why, and counts what was committed.

    An exception from a signal handler may be raised between the start of a transaction and the `with` that ends it.
    The transaction would stay open, with SQLite's file locked. So the handler raises only as a last resort.
    """
    stop = Stop()
    runner.hooks.append(stop)

    def handle(number: int, _: object) -> None:
        stop.request(number)
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(128 + number))
        signal.alarm(SECONDS_TO_STOP)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except ServiceError as stopped:
        if stopped.exit_code not in EARLY:
            raise
        runner.result.stopped = stopped
    finally:
        signal.alarm(0)  # the interpreter's shutdown must not be cut off: the exit code would change
        for number, handler in previous.items():
            signal.signal(number, handler)
