"""The folder in shared memory in which all workers count.

This is prometheus_client's multiprocess mode with two additions. The counts of dead workers move to one file, because
each recycled worker would otherwise leave its own files. And a folder that was removed is created again.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
ATTEMPTS = 10


def open_folder() -> Path:
    """Return the folder, created again if it is gone: systemd empties /dev/shm when an ordinary user logs out."""
    path = Path(os.environ[FOLDER])
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def in_folder(open_files: Callable[[], None]) -> None:
    """Call `open_files`, and again if the folder is removed meanwhile: a worker that cannot boot ends the service."""
    for attempts_left in reversed(range(ATTEMPTS)):
        open_folder()
        try:
            return open_files()
        except FileNotFoundError:
            if not attempts_left:
                raise


@contextmanager
def locked(operation: int) -> Iterator[None]:
    """Lock the files: `LOCK_SH` to sum the counts in them, `LOCK_EX` to create files or to move these counts."""
    with (open_folder() / "lock").open("w") as file:
        fcntl.flock(file, operation)  # released when the file is closed, however this process ends
        yield


def merge_dead_worker(pid: int) -> None:
    """Move the counts of a dead worker to one file for all dead workers, and drop its gauges."""
    with locked(fcntl.LOCK_EX):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
        for kind in ("counter", "histogram"):
            own = open_folder() / f"{kind}_{pid}.db"
            if own.exists() and own.stat().st_size:  # it is empty if the worker was killed before its first count
                # A file holds each bucket of a histogram separately, so a sum is all that is needed.
                dead = MmapedDict(str(open_folder() / f"{kind}_dead.db"))  # type: ignore[no-untyped-call]
                for key, value, _, _ in MmapedDict.read_all_values_from_file(own):  # type: ignore[no-untyped-call]
                    dead.write_value(key, dead.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
                dead.close()  # type: ignore[no-untyped-call]
            own.unlink(missing_ok=True)
