"""A service that runs for a benchmark: one worker under gunicorn, pinned to one CPU."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from local import servers
from local.processes import Program, uninterrupted
from local.stack import ARTIFACTS

OURS = ["-c", "web_single/gunicorn.conf.py", "web_single.app:create_app()"]
ROW = [5.1, 3.5, 1.4, 0.2]


@dataclass(frozen=True)
class Service:
    """A running service: its URL, its worker, and the seconds from its start until it was ready."""

    url: str
    worker: int
    ready_after: float

    @property
    def megabytes(self) -> float:
        """The worker's resident memory."""
        status = Path(f"/proc/{self.worker}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def running(folder: Path, name: str, argv: list[str], cpu: int) -> Iterator[Service]:
    """Run a service with its only worker on `cpu`."""
    port, began = servers.free_port(), monotonic()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-w", "1", *argv]
    env = {
        "MODEL_DIR": str(ARTIFACTS / "iris"),
        "ORT_DISABLE_TELEMETRY": "1",
        "LOG_LEVEL": "warning",
        "DRAIN_SECONDS": "0",
    }
    with uninterrupted():
        program = Program(name, command, lambda: servers.answers(f"{url}/ready"), folder / f"{port}.log", env)
    try:
        program.wait_ready()
        took = monotonic() - began
        worker = int(Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()[0])
        for thread in Path(f"/proc/{worker}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {cpu})
        yield Service(f"{url}/predict", worker, took)
    finally:
        program.stop()
