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
    thread = threading.Thread(target=_renew_for_ever, args=(loop, settings.lease / 3), daemon=True)
    thread.start()

    def check() -> str:
        if not thread.is_alive():
            raise RuntimeError("leases are no longer renewed")
        return ""

    loop.obstacles.append(check)


def renew(queue: Consumer) -> None:
    """Renew the leases that this consumer knows to hold; may raise RedisAway.

    If Redis has given it an entry and the answer was lost, no process works on that job, and its lease must lapse.
    """
    queue.run("renew", queue.name, *queue.held)


def _renew_for_ever(loop: Loop, seconds: float) -> None:
    pause = seconds
    while True:
        time.sleep(pause)
        try:
            renew(loop.queue)
            pause = seconds
        except RedisAway:
            pause = min(RETRY_SECONDS, pause)  # the leases are running out
