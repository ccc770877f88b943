"""The end of a run's time."""

import time


class DeadlineReached(Exception):
    """The run's time is over; what it has committed stands."""


class Deadline:
    """So many seconds from now on."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Return while there is time.

        Raises:
            DeadlineReached: there is none left.
        """
        if time.monotonic() >= self._end:
            raise DeadlineReached

    def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the end."""
        time.sleep(max(0, min(seconds, self._end - time.monotonic())))
