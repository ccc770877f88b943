"""Put an HTTP service under load with wrk, which leaves almost all CPU time to the service."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.processes import started
from local.servers import executable

SCRIPT = Path(__file__).with_name("load.lua")
SLOW = ["--timeout", "30s"]  # an answer that takes longer than two seconds is slow, not broken


class LoadFailed(Exception):
    """wrk is not installed, or a request was not answered with success; the message says which."""


@dataclass(frozen=True)
class Load:
    """The result of one run. Times are in milliseconds; `cpu` is the processes' CPU time for each request."""

    per_second: float
    p50: float
    p99: float
    cpu: float


def wrk() -> str:
    """Return the path of wrk.

    Raises:
        LoadFailed: wrk is not installed.
    """
    found = executable("wrk")
    if found is None:
        raise LoadFailed("wrk is not installed; get it with `apt-get install wrk` (or `brew install wrk`)")
    return found


def cpu_seconds(*pids: int) -> float:
    """Return the CPU time that processes have used so far (Linux, in steps of 10 ms)."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


def run(
    url: str, pids: Sequence[int], connections: int, seconds: float, body: Path | None = None, kind: str = ""
) -> Load:
    """Send requests to `url` on all connections. With a file `body`, POST its content as content type `kind`.

    `pids` are the processes that answer.

    Raises:
        LoadFailed: wrk is not installed, or a request was refused or broken.
    """
    # wrk accepts only whole seconds.
    argv = [wrk(), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", *SLOW, "-s", str(SCRIPT), url]
    env = os.environ | ({"LOAD_BODY": str(body), "LOAD_TYPE": kind} if body else {})
    before = cpu_seconds(*pids)
    with started(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        printed, said = process.communicate()
    used = cpu_seconds(*pids) - before
    if process.returncode:
        raise LoadFailed(f"wrk: {(said or printed).strip()}")
    found = json.loads(printed.splitlines()[-1])
    if found["refused"] or found["broken"] or not found["requests"]:
        raise LoadFailed(f"{url}: {found['refused']} of {found['requests']} refused, {found['broken']} broke")
    answered = found["requests"]
    seconds = found["microseconds"] / 1e6
    return Load(answered / seconds, found["p50"] / 1000, found["p99"] / 1000, used * 1000 / answered)
