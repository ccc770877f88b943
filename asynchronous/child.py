"""A child process of the worker: how it is set up, and what it shares with its parent."""

import ctypes
import multiprocessing
import os
import signal
import threading
import time

from .settings import Settings, configure_logging


class Signs(ctypes.Structure):
    """Memory that parent and child share, without locks that a dying process could keep."""

    _fields_ = (("pulse", ctypes.c_double), ("stop", ctypes.c_bool))
    pulse: float  # the child's last sign of life, in monotonic seconds
    stop: bool  # the parent wants the child to finish what it has in hand and end


_inherited: list[Signs] = []


def prepare(signs: Signs) -> None:
    """Set a new process up. Its parent alone decides when it ends, and its parent's end is its own."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signs.pulse = time.monotonic()
    _inherited.append(signs)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os._exit(1)


def run(settings: Settings, name: str, start: int, burst: bool) -> None:
    """Work in this process as consumer `name`; see `Loop.run`."""
    from .loop import Loop  # here, so that the parent does without gRPC and all that

    configure_logging(settings)
    Loop(settings, name, _inherited[0]).run(start, burst)
