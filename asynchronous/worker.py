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

from .checks.dangers import look_at_redis  # optional: checks
from .errors import RedisAway
from .keys import Script
from .settings import Settings, load_settings
from .supervision.slots import watched  # optional: supervision
from .tls import check_security, secure  # optional: tls

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
    from .loop import Loop  # these are imported here, because the parent does not need gRPC
    from .model import CHANNEL_OPTIONS, Model, open_channel
    from .outages.patient import wait_for_model  # optional: outages
    from .renewing.renewal import renew_leases  # optional: renewing
    from .sharing.claims import share_claims  # optional: sharing
    from .spread import spread  # optional: spread
    from .supervision.child import show_life  # optional: supervision
    from .throughput.quick_batches import skip_records  # optional: throughput

    load_settings()  # to set up this process's logging
    connect: Callable[..., Any] = open_channel
    connect = secure(connect, CHANNEL_OPTIONS)  # optional: tls
    connect = spread(connect)  # optional: spread
    loop = Loop(settings, name, _inherited[0], Model(settings, connect))
    # In this order: some of them replace a part of the loop, and the following ones may wrap it.
    wait_for_model(loop, settings, connect)  # optional: outages
    renew_leases(loop, settings)  # optional: renewing
    share_claims(loop, settings)  # optional: sharing
    show_life(loop)  # optional: supervision
    skip_records(loop, settings)  # optional: throughput
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
    check_security()  # optional: tls
    Script(settings)  # a wrong setting of an optional folder ends the program here, not its children one by one
    look_at_redis(settings)  # optional: checks
    names = [f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}" for _ in range(settings.worker_processes)]
    stopping = SPAWN.RawValue(ctypes.c_bool)  # without a lock, which a killed process could leave locked

    def stop(*_: Any) -> None:
        stopping.value = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("%d processes start as %s", len(names), ", ".join(names))
    run = run_all
    run = watched(SPAWN, prepare_child, run_child)  # optional: supervision
    try:
        run(settings, burst, names, stopping)
    except (BrokenProcessPool, RedisAway) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        stop()


if __name__ == "__main__":
    main()
