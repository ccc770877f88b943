"""A run that stops itself: no chunk begins after the deadline."""

import time

from ..errors import Exit
from ..stop import Stop, Stopped


class Deadline(Stop):
    """A stop after so many seconds from now on, or earlier at a signal."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raise `Stopped` if a signal asked for it or the deadline has passed."""
        super().check()
        if time.monotonic() >= self._end:
            raise Stopped("deadline reached", Exit.DEADLINE)

    def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the deadline, and `check`."""
        super().sleep(max(0, min(seconds, self._end - time.monotonic())))
