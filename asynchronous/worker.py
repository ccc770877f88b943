"""The worker: runs WORKER_PROCESSES child processes, and stops them in good order."""

import argparse
import ctypes
import logging
import multiprocessing
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
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


class Heartbeat(ctypes.Structure):
    """Memory shared by parent and child, without locks that a killed process could leave locked."""

    _fields_ = (("beat_at", ctypes.c_double), ("has_claimed", ctypes.c_bool), ("stop", ctypes.c_bool))
    beat_at: float  # when the child last showed that it does not hang, in monotonic seconds
    has_claimed: bool  # the child has claimed a job
    stop: bool  # the child is to finish its batch and end

    def beat(self) -> None:
        self.beat_at = time.monotonic()


_inherited: list[Heartbeat] = []


def prepare_child(heartbeats: Sequence[Heartbeat]) -> None:
    """Set up a new process. Only its parent decides when it ends."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    _inherited.extend(heartbeats)


def run_child(number: int, settings: Settings, burst: bool, name: str, starts: int = 0) -> None:
    """Work in the child process as consumer `name`, a name that `starts` processes had before; see `Loop.run`."""
    from .loop import Loop  # these are imported here, because the parent does not need gRPC
    from .model import CHANNEL_OPTIONS, Model, open_channel
    from .outages.patient import wait_for_model  # optional: outages
    from .renewing.renewal import renew_leases  # optional: renewing
    from .sharing.claims import share_claims  # optional: sharing
    from .spread import spread  # optional: spread
    from .throughput.quick_start import start_quickly  # optional: throughput

    load_settings()  # for its logging
    connect: Callable[..., Any] = open_channel
    connect = secure(connect, CHANNEL_OPTIONS)  # optional: tls
    connect = spread(connect)  # optional: spread
    loop = Loop(settings, name, _inherited[number], Model(settings, connect))
    wait_for_model(loop, settings, connect)  # optional: outages
    renew_leases(loop, settings)  # optional: renewing
    share_claims(loop, settings)  # optional: sharing
    start_quickly(loop, settings)  # optional: throughput
    loop.run(starts, burst)


def run_all(settings: Settings, burst: bool, names: Sequence[str], heartbeats: Sequence[Heartbeat]) -> None:
    """Run one child for each name in one pool, which ends with the first child that dies; leases return its jobs."""
    with ProcessPoolExecutor(len(names), SPAWN, prepare_child, (heartbeats,)) as pool:
        for work in [pool.submit(run_child, number, settings, burst, name) for number, name in enumerate(names)]:
            work.result()


def main() -> None:
    """Run until SIGTERM or SIGINT; with `--burst`, until no job is queued or in flight."""
    parser = argparse.ArgumentParser(prog="python -m asynchronous.worker", description=__doc__)
    parser.add_argument("--burst", action="store_true", help="end when no job is queued or in flight")
    burst, settings = parser.parse_args().burst, load_settings()
    check_security()  # optional: tls
    Script(settings)  # a wrong setting of an optional folder ends the program here, not its children one by one
    look_at_redis(settings)  # optional: checks
    heartbeats = [SPAWN.RawValue(Heartbeat) for _ in range(settings.worker_processes)]
    names = [f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}" for _ in heartbeats]

    def stop(*_: Any) -> None:
        for heartbeat in heartbeats:
            heartbeat.stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("%d processes start as %s", len(names), ", ".join(names))
    run = run_all
    run = watched(SPAWN, prepare_child, run_child)  # optional: supervision
    try:
        run(settings, burst, names, heartbeats)
    except (BrokenProcessPool, RedisAway) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        stop()


if __name__ == "__main__":
    main()
