"""What each child process of the worker does: claim, predict, finish."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from .consumer import Claim, Consumer
from .keys import REDIS_AWAY
from .model import Model, ServingUnavailable
from .settings import Settings
from .worker import Heartbeat

log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.3  # between two tries while Redis or TensorFlow Serving is unavailable; an idle worker never sleeps


class Loop:
    """Claims one batch at a time; a thread renews the leases of that batch."""

    def __init__(self, settings: Settings, name: str, heartbeat: Heartbeat, connect: Callable[[str], Any]) -> None:
        self._queue, self._model, self._heartbeat = Consumer(settings, name), Model(settings, connect), heartbeat
        self._lease, self._is_served, self._warning = settings.lease, False, ""

    def run(self, starts: int, burst: bool) -> None:
        """Work until the parent says stop; with `burst`, until no job is queued or in flight."""
        self._retry_until_redis_answers(lambda: self._queue.join(restarted=starts > 0))
        if starts > 0:  # so many processes had this consumer's name before
            self._release("its worker process died", counted=True)
        renewing = threading.Thread(target=self._renew_leases, daemon=True)
        renewing.start()
        while not self._heartbeat.stop:
            self._heartbeat.beat()
            if not renewing.is_alive():
                raise RuntimeError("leases are no longer renewed")
            if not (self._is_served or self._model.is_served(1)):
                self._warn_once(f"serving program: {self._model.problem}; waiting for it")
                time.sleep(_RETRY_SECONDS)
                continue
            self._is_served, self._warning = True, ""
            try:
                jobs = self._queue.claim(0.05 if burst else 0.5)
                if burst and not jobs and self._queue.queue_is_empty():
                    return
            except REDIS_AWAY:  # the reply that was lost may have contained jobs
                self._release("Redis went away", counted=False)
                continue
            if jobs:
                self._work(jobs)

    def _warn_once(self, text: str) -> None:
        if text != self._warning:
            log.warning(text)
        self._warning = text

    def _work(self, jobs: list[Claim]) -> None:
        self._heartbeat.beat()
        try:
            results = self._model.predict([job.image for job in jobs])
        except ServingUnavailable as error:
            log.warning("serving program: %s", error)
            # The jobs are not the cause, except perhaps one that ran alone when the serving program went down.
            self._release(str(error), counted=error.lost and jobs[0].retried)
            self._is_served = False
            time.sleep(_RETRY_SECONDS)  # it may be overloaded, and an immediate retry would make that worse
        except Exception as error:  # noqa: BLE001  whatever a batch causes, the next batch must run
            log.warning("batch of %d: %s: %s", len(jobs), type(error).__name__, error)
            self._release(f"{type(error).__name__}: {error}", counted=True)
        else:
            self._retry_until_redis_answers(lambda: self._queue.finish(jobs, results))

    def _release(self, reason: str, *, counted: bool) -> None:
        self._retry_until_redis_answers(lambda: self._queue.release(reason, counted=counted))

    def _retry_until_redis_answers(self, call: Callable[[], None]) -> None:
        """Repeat `call`, so that no result is lost. When the parent says stop, the jobs are left to their leases."""
        while True:
            try:
                return call()
            except REDIS_AWAY as error:
                if self._heartbeat.stop:
                    return log.error("Redis: %s; stopping nevertheless", error)
                self._warn_once(f"Redis: {error}; waiting for it")
                self._heartbeat.beat()
                time.sleep(_RETRY_SECONDS)

    def _renew_leases(self) -> None:
        pause = self._lease / 3
        while True:
            time.sleep(pause)
            try:
                self._queue.renew()
                pause = self._lease / 3
            except REDIS_AWAY:
                pause = min(_RETRY_SECONDS, pause)  # the leases are running out
