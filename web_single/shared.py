"""What the master and its workers share: a folder in memory with their counters and the announcement of a stop."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def folder() -> Path:
    """Return the folder, made again where it is gone: systemd takes an ordinary user's from /dev/shm at the logout."""
    path = Path(os.environ[FOLDER])
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def announce_stop() -> None:
    """Let every worker say from now on that it is not ready."""
    (folder() / "stopping").touch()


def stop_announced() -> bool:
    """Whether the master is about to stop; never without a master."""
    return FOLDER in os.environ and (Path(os.environ[FOLDER]) / "stopping").exists()


@contextmanager
def locked(operation: int) -> Iterator[None]:
    """Hold the counters' files still: `LOCK_SH` to add them up, `LOCK_EX` to move what is in them."""
    with (folder() / "lock").open("w") as file:
        fcntl.flock(file, operation)  # let go of with the file, however this process ends
        yield


def bury(pid: int) -> None:
    """Move what a dead worker counted to one file for all the dead, or each recycled worker would leave its own."""
    with locked(fcntl.LOCK_EX):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
        for kind in ("counter", "histogram"):
            own = folder() / f"{kind}_{pid}.db"
            if own.exists() and own.stat().st_size:
                # The files hold the buckets of a histogram one by one, so sums are all there is to it.
                dead = MmapedDict(str(folder() / f"{kind}_dead.db"))  # type: ignore[no-untyped-call]
                for key, value, _, _ in MmapedDict.read_all_values_from_file(own):  # type: ignore[no-untyped-call]
                    dead.write_value(key, dead.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
                dead.close()  # type: ignore[no-untyped-call]
                own.unlink()
