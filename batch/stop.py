"""Stop a run between two chunks, when SIGTERM or Ctrl-C asks for it."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import Exit, ServiceError

SECONDS_TO_STOP = 5  # Docker gives 10 before it kills, Kubernetes 30


class Stopped(ServiceError):
    """The run ended early; what it has committed remains."""

    def __init__(self, reason: str, exit_code: Exit) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


class Stop:
    """A request to stop: a signal handler makes it, the run sees it in `check` and `sleep`."""

    def __init__(self) -> None:
        self._requested, self._exit = threading.Event(), Exit.TERMINATED

    def request(self, number: int = signal.SIGTERM) -> None:
        self._exit = Exit(128 + number)
        self._requested.set()

    def check(self) -> None:
        """Raise `Stopped` once a stop was requested."""
        if self._requested.is_set():
            raise Stopped(self._exit.name.lower(), self._exit)

    def sleep(self, seconds: float) -> None:
        """Sleep until a stop is requested, `seconds` at most, and `check`."""
        self._requested.wait(seconds)
        self.check()


def end_on_sigterm() -> None:
    """Let SIGTERM end this program at once, also as process 1 of a container; the open transaction is rolled back."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.TERMINATED))


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C request a stop; end the block wherever it is if that takes SECONDS_TO_STOP.

    An exception from a signal handler may be raised between the begin of a transaction and the `with` that ends it.
    The transaction would stay open, with SQLite's file locked. So the handler raises only as a last resort.
    """

    def handle(number: int, _: object) -> None:
        stop.request(number)
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(128 + number))
        signal.alarm(SECONDS_TO_STOP)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        signal.alarm(0)  # the interpreter's own end must not be cut off: the exit code would change
        for number, handler in previous.items():
            signal.signal(number, handler)
