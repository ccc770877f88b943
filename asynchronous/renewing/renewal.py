"""A thread that renews the leases of one worker process: `step.lua` does it."""

import threading
import time

from ..consumer import Consumer
from ..errors import RedisAway
from ..loop import Loop
from ..settings import Settings

RETRY_SECONDS = 0.3


def renew_leases(loop: Loop, settings: Settings) -> None:
    """Renew the leases of `loop` for as long as its process lives; if the thread ends, so does the process."""
    thread = threading.Thread(target=_renew_for_ever, args=(loop.queue, settings.lease / 3), daemon=True)
    thread.start()

    def check() -> str:
        if not thread.is_alive():
            raise RuntimeError("leases are no longer renewed")
        return ""

    loop.obstacles.append(check)


def renew(queue: Consumer) -> None:
    """Renew all leases of this consumer; may raise RedisAway."""
    queue.run("renew", queue.name)


def _renew_for_ever(queue: Consumer, seconds: float) -> None:
    pause = seconds
    while True:
        time.sleep(pause)
        try:
            renew(queue)
            pause = seconds
        except RedisAway:
            pause = min(RETRY_SECONDS, pause)  # the leases are running out
