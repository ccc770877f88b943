"""A child process that ends when its parent does, however the parent ends."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any

from .heartbeat import Heartbeat, inherited


def prepare_with_parent(prepare: Callable[[Any], None], argument: Any, heartbeat: Heartbeat) -> None:
    """Call `prepare` in a new process, give it its heartbeat, and end the process with its parent."""
    prepare(argument)
    inherited.append(heartbeat)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os._exit(1)
