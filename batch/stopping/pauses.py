"""Waiting that a hook can end."""

import time
from collections.abc import Callable

from ..runner import Runner


def pausing(runner: Runner) -> Callable[[float], None]:
    """Return a function that sleeps in short steps and calls the hooks of a run before each of them."""

    def pause(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for hook in runner.hooks:
                hook(runner.result.rows)
            time.sleep(min(left, 0.1))

    return pause
