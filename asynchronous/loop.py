"""What each child process of the worker does: claim, predict, finish."""

import logging
import time
from collections.abc import Callable
from ctypes import c_bool

from .consumer import Claim, Consumer
from .errors import RedisAway
from .model import Model, ServingUnavailable
from .settings import Settings

log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.3  # between two tries while Redis or TensorFlow Serving is unavailable; an idle worker never sleeps


class Loop:
    """Claims one batch at a time."""

    def __init__(self, settings: Settings, name: str, stopping: c_bool, model: Model) -> None:
        self.stopping, self._warning = stopping, ""
        # Optional folders replace these four, and add functions that return what must be waited for before a claim.
        self.queue, self.predict = Consumer(settings, name), model.predict
        self.batch_size: Callable[[], int] = lambda: settings.batch_size
        self.pause: Callable[[float], None] = time.sleep
        self.obstacles: list[Callable[[], str]] = []

    def run(self, starts: int, burst: bool) -> None:
        """Work until the parent says stop; with `burst`, until no job is queued or in flight."""
        self._retry_until_redis_answers(lambda: self.queue.join(restarted=starts > 0), at_start=True)
        if starts > 0:  # `starts` earlier processes had this consumer's name
            self._release("its worker process died", counted=True)
        while not self.stopping.value:
            if problem := next(filter(None, (obstacle() for obstacle in self.obstacles)), ""):
                self._wait_for(problem)
                continue
            try:
                jobs = self.queue.claim(0.05 if burst else 0.5, self.batch_size())
                if burst and not jobs and self.queue.queue_is_empty():
                    return
            except RedisAway as error:  # the reply that was lost may have contained jobs
                self._release("Redis went away", counted=False)
                self._wait_for(error)
                continue
            self._warning = ""
            if jobs:
                self._work(jobs)
        self._release("its worker stopped", counted=False)  # an optional folder may have read more than it started

    def _wait_for(self, problem: str | RedisAway) -> None:
        if str(problem) != self._warning:  # log each problem once
            log.warning("%s; waiting for it", problem)
        self._warning = str(problem)
        self.pause(_RETRY_SECONDS)

    def _work(self, jobs: list[Claim]) -> None:
        try:
            results = self.predict([job.image for job in jobs])
        except ServingUnavailable as error:
            log.warning("serving program: %s", error)
            # The jobs are not the cause, except perhaps one that ran alone when the serving program went down.
            self._release(str(error), counted=error.lost and jobs[0].retried)
            self.pause(_RETRY_SECONDS)  # it may be overloaded, and an immediate retry would make that worse
        except Exception as error:  # noqa: BLE001  whatever a batch causes, the next batch must run
            log.warning("batch of %d: %s: %s", len(jobs), type(error).__name__, error)
            self._release(f"{type(error).__name__}: {error}", counted=True)
        else:
            self._retry_until_redis_answers(lambda: self.queue.finish(jobs, results))

    def _release(self, reason: str, *, counted: bool) -> None:
        self._retry_until_redis_answers(lambda: self.queue.release(reason, counted=counted))

    def _retry_until_redis_answers(self, call: Callable[[], None], at_start: bool = False) -> None:
        """Repeat `call`, so that no result is lost. When the parent says stop, give up: the jobs' leases lapse."""
        while True:
            try:
                return call()
            except RedisAway as error:
                if at_start and not error.is_transient:
                    raise  # there is nothing to lose yet
                if self.stopping.value:
                    return log.error("%s; stopping nevertheless", error)
                self._wait_for(error)
