"""The worker: runs WORKER_PROCESSES child processes, replaces those that die, and stops them in good order."""

import argparse
import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from types import FrameType
from typing import Any

from .keys import script
from .settings import Settings, load_settings
from .tls import check_security, secure  # optional: tls

log = logging.getLogger(__name__)

_SPAWN = multiprocessing.get_context("spawn")  # gRPC does not survive a fork


class Heartbeat(ctypes.Structure):
    """Memory shared by parent and child, without locks that a killed process could leave locked."""

    _fields_ = (("beat_at", ctypes.c_double), ("stop", ctypes.c_bool))
    beat_at: float  # when the child last showed that it does not hang, in monotonic seconds
    stop: bool  # the child is to finish its batch and end

    def beat(self) -> None:
        self.beat_at = time.monotonic()


_inherited: list[Heartbeat] = []


def _prepare_child(heartbeat: Heartbeat) -> None:
    """Set up a new process. Only its parent decides when it ends, and it ends when its parent does."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    heartbeat.beat()
    _inherited.append(heartbeat)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os._exit(1)


def _run_child(settings: Settings, name: str, starts: int, burst: bool) -> None:
    """Work in the child process as consumer `name`; see `Loop.run`."""
    from .loop import Loop  # these are imported here, because the parent does not need gRPC
    from .model import CHANNEL_OPTIONS, open_channel
    from .spread import spread  # optional: spread

    load_settings()  # for its logging
    connect: Callable[..., Any] = open_channel
    connect = secure(connect, CHANNEL_OPTIONS)  # optional: tls
    connect = spread(connect)  # optional: spread
    Loop(settings, name, _inherited[0], connect).run(starts, burst)


class Slot:
    """Runs one child at a time. Each slot has its own pool: when a child dies, only its pool breaks."""

    def __init__(self, settings: Settings, name: str, burst: bool) -> None:
        self._settings, self._name, self._burst, self._starts = settings, name, burst, 0
        self.heartbeat = _SPAWN.RawValue(Heartbeat)

    def start(self) -> None:
        self.heartbeat.beat()
        others = set(multiprocessing.active_children())
        self._pool = ProcessPoolExecutor(1, _SPAWN, _prepare_child, (self.heartbeat,))
        arguments = self._settings, self._name, self._starts, self._burst
        self.work: Future[None] = self._pool.submit(_run_child, *arguments)
        self._process = next(iter(set(multiprocessing.active_children()) - others), None)  # None: it is already dead
        self._starts += 1

    def check(self) -> bool:
        """Replace a child that died, and kill one that hangs; return False when the child's work is over."""
        silent = time.monotonic() - self.heartbeat.beat_at
        if not self.work.done():
            if self._process and silent > self._settings.hang_after:
                log.error("%s: no heartbeat for %.0f s, killing it", self._name, silent)
                self._process.kill()
            return True
        error = self.work.exception()
        self._pool.shutdown()
        if error is None or self.heartbeat.stop:
            return False
        log.error("%s: its process ended: %s: %s; starting another", self._name, type(error).__name__, error)
        self.start()
        return True


def main() -> None:
    """Run until SIGTERM or SIGINT; with `--burst`, until no job is queued or in flight."""
    parser = argparse.ArgumentParser(prog="python -m asynchronous.worker", description=__doc__)
    parser.add_argument("--burst", action="store_true", help="end when no job is queued or in flight")
    burst = parser.parse_args().burst
    settings = load_settings()
    check_security()  # optional: tls
    script(settings)  # a wrong setting of an optional folder ends the program here, not its children one by one
    name = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    slots = [Slot(settings, f"{name}-{number}", burst) for number in range(settings.worker_processes)]

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for slot in slots:
            slot.heartbeat.stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for slot in slots:
        slot.start()
    log.info("%d processes started as %s", len(slots), name)
    running = slots
    while running:
        wait([slot.work for slot in running], timeout=0.5, return_when=FIRST_COMPLETED)
        running = [slot for slot in running if slot.check()]
        if settings.heartbeat_file:
            settings.heartbeat_file.touch()
    log.info("all processes ended")


if __name__ == "__main__":
    main()
