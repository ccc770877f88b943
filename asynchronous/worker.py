"""The worker: runs WORKER_PROCESSES child processes, and shuts them down cleanly."""

import argparse
import ctypes
import logging
import multiprocessing
import signal
import socket
import sys
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from .errors import RedisAway
from .extras import worker as extras  # optional: extras
from .keys import Script
from .settings import Settings, load_settings

log = logging.getLogger(__name__)

SPAWN = multiprocessing.get_context("spawn")  # gRPC does not survive a fork


_inherited: list[ctypes.c_bool] = []


def prepare_child(stopping: ctypes.c_bool) -> None:
    """Set up a new process. Only its parent decides when it ends: it sets `stopping`, which both share."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    _inherited.append(stopping)


def run_child(settings: Settings, burst: bool, name: str, starts: int = 0) -> None:
    """Work in the child process as consumer `name`, a name that `starts` processes had before; see `Loop.run`."""
    from .extras import child as child_extras  # optional: extras
    from .loop import Loop  # these are imported here, because the parent does not need gRPC
    from .model import Model, open_channel

    load_settings()  # to set up this process's logging
    connect: Callable[..., Any] = open_channel
    connect = child_extras.wrap_open_channel(connect)  # optional: extras
    loop = Loop(settings, name, _inherited[0], Model(settings, connect))
    child_extras.add_to(loop, settings, connect)  # optional: extras
    loop.run(starts, burst)


def run_all(settings: Settings, burst: bool, names: Sequence[str], stopping: ctypes.c_bool) -> None:
    """Run one child for each name in one pool, which ends with the first child that dies; leases return its jobs."""
    with ProcessPoolExecutor(len(names), SPAWN, prepare_child, (stopping,)) as pool:
        running = {pool.submit(run_child, settings, burst, name) for name in names}
        while running:  # not one long wait: Python would not notice a signal that arrives just before it
            ended, running = wait(running, timeout=0.5, return_when=FIRST_EXCEPTION)
            for work in ended:
                work.result()


def main() -> None:
    """Run until SIGTERM or SIGINT; with `--burst`, until no job is queued or in flight."""
    parser = argparse.ArgumentParser(prog="python -m asynchronous.worker", description=__doc__)
    parser.add_argument("--burst", action="store_true", help="end when no job is queued or in flight")
    burst, settings = parser.parse_args().burst, load_settings()
    Script(settings)  # a wrong setting of an optional folder ends the program here, not its children one by one
    extras.check_environment(settings)  # optional: extras
    names = [f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}" for _ in range(settings.worker_processes)]
    stopping = SPAWN.RawValue(ctypes.c_bool)  # without a lock, which a killed process could leave locked

    def stop(*_: Any) -> None:
        stopping.value = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("%d processes start as %s", len(names), ", ".join(names))
    run = run_all
    run = extras.replace_run_all(run, SPAWN, prepare_child, run_child)  # optional: extras
    try:
        run(settings, burst, names, stopping)
    except (BrokenProcessPool, RedisAway) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        stop()


if __name__ == "__main__":
    main()
