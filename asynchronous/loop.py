"""What each child process of the worker does: claim, predict, finish."""

import logging
import threading
import time
from collections.abc import Callable

from .child import Signs
from .consumer import Claim, Consumer
from .inference import Model, ServingAway
from .keys import REDIS_AWAY
from .settings import Settings

log = logging.getLogger(__name__)

_PAUSE = 0.3  # seconds between two tries while Redis or the serving program is away; an idle worker never sleeps


class Loop:
    """Holds at most one batch at a time; a thread renews the leases of that batch."""

    def __init__(self, settings: Settings, name: str, signs: Signs) -> None:
        self._queue, self._model, self._signs = Consumer(settings, name), Model(settings), signs
        self._lease = settings.lease
        self._serving = False

    def run(self, start: int, burst: bool) -> None:
        """Work until told to stop; with `burst`, until no job is queued or in flight.

        `start` is the number of processes that had this consumer's name before; what they held is given back.
        """
        self._insist(self._queue.join)
        if start > 0:
            self._insist(lambda: self._queue.count("worker_restarts"))
            self._give_back("its worker process died", counted=True)
        renewing = threading.Thread(target=self._renew, daemon=True)
        renewing.start()
        told = False
        while not self._signs.stop:
            self._signs.pulse = time.monotonic()
            if not renewing.is_alive():
                raise RuntimeError("leases are no longer renewed")
            if not (self._serving or self._model.serving(1)):
                if not told:
                    log.warning("serving program: it does not serve the model; waiting for it")
                told = True
                time.sleep(_PAUSE)
                continue
            self._serving, told = True, False
            try:
                jobs = self._queue.claim(0.05 if burst else 0.5)
                if burst and not jobs and self._queue.queue_is_empty():
                    return
            except REDIS_AWAY:
                # The reply that was lost may have had jobs in it.
                self._give_back("Redis went away", counted=False)
                continue
            if jobs:
                self._work(jobs)

    def _work(self, jobs: list[Claim]) -> None:
        self._signs.pulse = time.monotonic()
        try:
            results = self._model.predict([job.image for job in jobs])
        except ServingAway as away:
            log.warning("serving program: %s", away)
            # Not the jobs' fault; but one that took the serving program down with it while alone in hand may not go on.
            self._give_back(str(away), counted=away.lost and jobs[0].again)
            self._serving = False
            time.sleep(_PAUSE)  # it may be there and only overloaded: asking again at once would not help it
        except Exception as error:  # noqa: BLE001  whatever a batch does to us, the next one gets its turn
            log.warning("batch of %d: %s: %s", len(jobs), type(error).__name__, error)
            self._give_back(f"{type(error).__name__}: {error}", counted=True)
        else:
            self._insist(lambda: self._queue.finish(jobs, results))

    def _give_back(self, reason: str, *, counted: bool) -> None:
        self._insist(lambda: self._queue.give_back(reason, counted=counted))

    def _insist(self, call: Callable[[], None]) -> None:
        """Repeat `call` until Redis is there: nothing in hand is thrown away. Told to stop, leave it to the lease."""
        told = False
        while True:
            try:
                return call()
            except REDIS_AWAY as error:
                if self._signs.stop:
                    return log.error("Redis: %s; stopping all the same", error)
                if not told:
                    log.warning("Redis: %s; waiting for it", error)
                told = True
                self._signs.pulse = time.monotonic()
                time.sleep(_PAUSE)

    def _renew(self) -> None:
        pause = self._lease / 3
        while True:
            time.sleep(pause)
            try:
                self._queue.renew()
                pause = self._lease / 3
            except REDIS_AWAY:
                pause = min(_PAUSE, pause)  # the lease goes on lapsing
