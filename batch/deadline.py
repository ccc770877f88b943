"""What ends a run before its rows do: its deadline, or SIGTERM."""

import threading
import time


class DeadlineReached(Exception):
    """The run's time is over; what it has committed stands."""


class Terminated(Exception):
    """The run was told to stop; what it has committed stands."""


class Deadline:
    """So many seconds from now on, or until `stop`."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let the next `check` end the run, and a `sleep` that has begun; made for signal handlers."""
        self._stopped.set()

    def check(self) -> None:
        """Return while there is time.

        Raises:
            DeadlineReached: there is none left.
            Terminated: `stop` was called.
        """
        if self._stopped.is_set():
            raise Terminated
        if time.monotonic() >= self._end:
            raise DeadlineReached

    def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the end.

        Raises:
            Terminated: `stop` was called.
        """
        if self._stopped.wait(max(0, min(seconds, self._end - time.monotonic()))):
            raise Terminated
