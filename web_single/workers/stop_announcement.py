"""The announcement of a stop, which the master makes and its workers read."""

import mmap

from ..errors import ServiceError


class Stopping(ServiceError):
    """The master is about to stop."""

    status = 503


# Anonymous memory, which the master shares with every worker that it forks.
_announced = mmap.mmap(-1, 1)


def announce_stop() -> None:
    """Let every worker answer from now on that it is not ready."""
    _announced[0] = 1


def stop_announced() -> bool:
    """Return whether the master is about to stop."""
    return _announced[0] == 1


def check_no_stop_announced() -> None:
    """Raise `Stopping` if the master is about to stop."""
    if stop_announced():
        raise Stopping("stopping")
