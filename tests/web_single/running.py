"""The service under gunicorn, as the start command runs it."""

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path

import httpx

from local.processes import Program, wait_until

COMMAND = [sys.executable, "-m", "gunicorn", "-c", "web_single/gunicorn.conf.py", "web_single.app:create_app()"]
ROW = b'{"data": [[5.1, 3.5, 1.4, 0.2]]}'


class Service:
    """The service under gunicorn on a free port."""

    def __init__(self, start: Callable[..., Program], port: int, *flags: str, **env: str) -> None:
        # A connection for each request, so that every worker gets some.
        headers = {"connection": "close", "content-type": "application/json"}
        self.port, self.http = port, httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)
        env = {"DRAIN_SECONDS": "0"} | env  # most tests need not wait for a load balancer
        self.program = start("web_single", [*COMMAND, "--bind", f"127.0.0.1:{port}", *flags], self.answers, env)

    def answers(self) -> bool:
        try:
            return self.http.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def metric(self, name: str) -> float:
        lines = self.http.get("/metrics").text.splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name)), 0.0)

    def wait_for_metric(self, name: str, value: float) -> None:
        """Wait until the workers have counted what they answered, which is a moment after the clients have it."""
        wait_until(lambda: self.metric(name) >= value, what=f"{name} {value:g}")
        assert self.metric(name) == value

    def predict(self) -> int:
        return self.http.post("/predict", content=ROW).status_code


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def answer_on(connection: socket.socket) -> Answer:
    """Read one whole answer from a bare connection."""
    response = HTTPResponse(connection)
    response.begin()
    return Answer(response.status, response.headers, response.read())


def peak_megabytes(pid: int) -> int:
    """The most memory that a process has had so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def cpu_seconds(pid: int) -> float:
    """The time that a process has spent on a core, whatever else the machine did."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def counters(pid: int) -> list[Path]:
    """The folders in memory that belong to the master `pid`."""
    return list(Path("/dev/shm").glob(f"web_single-{pid}-*"))
