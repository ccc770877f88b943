"""A child process that ends when its parent does, however the parent ends."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any


def prepare_with_parent(prepare: Callable[[Any], None], argument: Any) -> None:
    """Call `prepare` in a new process, and end the process with its parent."""
    prepare(argument)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os._exit(1)
