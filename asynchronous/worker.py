"""The worker: keeps WORKER_PROCESSES child processes at work, replaces those that die, and stops them in good order."""

import argparse
import logging
import multiprocessing
import signal
import socket
import time
import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from types import FrameType

from . import child
from .settings import Settings, load_settings

log = logging.getLogger(__name__)

_SPAWN = multiprocessing.get_context("spawn")  # gRPC does not survive a fork


class Slot:
    """A place for one child. Each has a pool of its own, so a child that dies breaks no other's."""

    def __init__(self, settings: Settings, name: str, burst: bool) -> None:
        self._settings, self._name, self._burst, self._starts = settings, name, burst, 0
        self._signs = _SPAWN.RawValue(child.Signs)

    def start(self) -> None:
        self._signs.pulse = time.monotonic()
        others = set(multiprocessing.active_children())
        self._pool = ProcessPoolExecutor(1, _SPAWN, child.prepare, (self._signs,))
        arguments = self._settings, self._name, self._starts, self._burst
        self.work: Future[None] = self._pool.submit(child.run, *arguments)
        # A child that is dead by now is no longer among them.
        self._process = next(iter(set(multiprocessing.active_children()) - others), None)
        self._starts += 1

    def stop(self) -> None:
        """Let the child finish what it has in hand, and take no more."""
        self._signs.stop = True

    def tend(self) -> bool:
        """Replace a child that died and kill one that hangs; return False when its work is over."""
        silent = time.monotonic() - self._signs.pulse
        if not self.work.done():
            if self._process and silent > self._settings.hang_after:
                log.error("%s: no sign of life for %.0f s, killing it", self._name, silent)
                self._process.kill()
            return True
        error = self.work.exception()
        self._pool.shutdown()
        if error is None or self._signs.stop:
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
    name = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    slots = [Slot(settings, f"{name}-{number}", burst) for number in range(settings.worker_processes)]

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for slot in slots:
            slot.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for slot in slots:
        slot.start()
    log.info("%d processes at work as %s", len(slots), name)
    busy = slots
    while busy:
        wait([slot.work for slot in busy], timeout=0.5, return_when=FIRST_COMPLETED)
        busy = [slot for slot in busy if slot.tend()]
        if settings.heartbeat_file:
            settings.heartbeat_file.touch()
    log.info("all processes ended")


if __name__ == "__main__":
    main()
