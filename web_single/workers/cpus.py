"""How many CPUs this process may use. In a container these may be fewer than the host has."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def granted_cpus(cgroups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int:
    """Return the number of CPUs that the cgroup's quota and this process's affinity allow, rounded up, at least 1."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(usable, *_quotas(cgroups, membership))))


def _quotas(cgroups: Path, membership: Path) -> Iterator[float]:
    """Yield the quota in CPUs of this process's cgroup and of each cgroup above it, in versions 1 and 2."""
    yield math.inf
    lines = membership.read_text().splitlines() if membership.exists() else []
    for _, controllers, own in (line.split(":", 2) for line in lines):
        root = cgroups if controllers == "" else cgroups / controllers
        for group in (PurePosixPath(own), *PurePosixPath(own).parents):
            folder = root / group.relative_to("/")
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
                yield math.inf if quota == "max" else int(quota) / int(period)
            elif (folder / "cpu.cfs_quota_us").exists():
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
                yield math.inf if int(quota) < 0 else int(quota) / int(period)
