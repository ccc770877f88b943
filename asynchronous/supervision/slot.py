"""One child process of the worker at a time, and its replacement when it dies."""

import ctypes
import logging
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.context import SpawnContext
from typing import Any

from ..errors import RedisAway
from .heartbeat import Heartbeat
from .parent import prepare_with_parent

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before a start; doubled from start to start
SETTLED_SECONDS = 10  # a child that has lived so long did not die at its start


class Slot:
    """Runs `work(*arguments, starts)` in one child at a time; `starts` is the number of children before it.

    Each slot has its own pool: when a child dies, only its pool breaks. `deaths` counts the children that died in
    succession before they had claimed a job or lived for SETTLED_SECONDS.
    """

    def __init__(self, name: str, stopping: ctypes.c_bool, context: SpawnContext, prepare: Callable[..., None]) -> None:
        self.name, self._stopping, self._context, self._prepare = name, stopping, context, prepare
        self._heartbeat = context.RawValue(Heartbeat)
        self.starts = self.deaths = 0
        self.start_at = 0.0  # when the next child starts, if there is none now

    def start(self, work: Callable[..., None], *arguments: Any) -> None:
        """Start the first child. Each child is told how many there were before it."""
        self._work, self._arguments = work, arguments
        self._start()

    def _start(self) -> None:
        self.beat()
        self._heartbeat.has_claimed, self.start_at, self._started_at = False, 0.0, time.monotonic()
        others = set(multiprocessing.active_children())
        prepare = self._prepare, self._stopping, self._heartbeat
        self._pool = ProcessPoolExecutor(1, self._context, prepare_with_parent, prepare)
        self.work: Future[None] = self._pool.submit(self._work, *self._arguments, self.starts)
        self._process = next(iter(set(multiprocessing.active_children()) - others), None)  # None: it is already dead
        self.starts += 1

    def beat(self) -> None:
        """Restart the time after which the child counts as hanging."""
        self._heartbeat.beat()

    def is_settled(self) -> bool:
        """Return whether fewer than two children in a row died at their start, or this one is SETTLED_SECONDS old."""
        return self.deaths < 2 or (not self.start_at and time.monotonic() - self._started_at > SETTLED_SECONDS)

    def check(self, hang_after: float) -> bool:
        """Kill a child that hangs, replace a child that died; return False when the child's work is over.

        Raises:
            RedisAway: a child cannot work, and the error is not transient.
        """
        if self.start_at:
            if time.monotonic() >= self.start_at and not self._stopping.value:
                self._start()
            return not self._stopping.value
        if self.work.done():
            return self._replace(self.work.exception())
        silent = time.monotonic() - self._heartbeat.beat_at
        if self._process and silent > hang_after:
            log.error("%s: no heartbeat for %.0f s, killing it", self.name, silent)
            self._process.kill()
        return True

    def _replace(self, error: BaseException | None) -> bool:
        self._pool.shutdown()
        if error is None or self._stopping.value:
            return False
        if isinstance(error, RedisAway) and not error.is_transient:
            raise error  # another child would meet the same error
        lived = time.monotonic() - self._started_at
        self.deaths = 0 if self._heartbeat.has_claimed or lived > SETTLED_SECONDS else self.deaths + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self.deaths - 2)) if self.deaths > 1 else 0
        said = f"{type(error).__name__}: {error}"
        log.error("%s: its process ended: %s; starting another%s", self.name, said, f" in {pause:.0f} s" * (pause > 0))
        if not pause:
            self._start()
        else:
            self.start_at, self.work = time.monotonic() + pause, Future()  # a future that nothing resolves
        return True
