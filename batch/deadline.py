"""What ends a run before its rows do: its deadline, or a signal."""

import signal
import threading
import time


class DeadlineReached(Exception):
    """The run's time is over; what it has committed stands."""


class Terminated(Exception):
    """The run was told to stop by the signal `number`; what it has committed stands."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Deadline:
    """So many seconds from now on, or until `stop`."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._stopped, self._signal = threading.Event(), 0

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Let the next `check` end the run, and a `sleep` that has begun; made for signal handlers."""
        self._signal = number
        self._stopped.set()

    def check(self) -> None:
        """Return while there is time.

        Raises:
            DeadlineReached: there is none left.
            Terminated: `stop` was called.
        """
        if self._stopped.is_set():
            raise Terminated(self._signal)
        if time.monotonic() >= self._end:
            raise DeadlineReached

    def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the end, and `check`."""
        self._stopped.wait(max(0, min(seconds, self._end - time.monotonic())))
        self.check()
