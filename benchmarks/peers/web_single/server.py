"""A server of the Iris graph that runs for a benchmark, with all its processes on one CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.web_single.environment import ROW
from local import servers
from local.processes import Program, uninterrupted
from local.stack import ARTIFACTS

from ..environments import NotMeasured
from ..processes import stopping

READY_SECONDS = 120
IRIS = ARTIFACTS / "iris"
ENV = {
    "MODEL_DIR": str(IRIS),  # ours
    "MODEL": str(IRIS / "1" / "model.onnx"),  # the peers'
    "LOG_LEVEL": "warning",
    "DRAIN_SECONDS": "0",
    "ORT_DISABLE_TELEMETRY": "1",
}
ANSWER = [0.974657, 0.024107, 0.001235]


@dataclass(frozen=True)
class Server:
    """How a server is started in `folder`, with PORT for its port, and where it predicts."""

    name: str
    argv: list[str]
    folder: Path
    path: str = "/predict"

    def body(self, rows: int) -> dict[str, Any]:
        """Return the request for `rows` rows, in the form of this server's protocol."""
        if not self.path.startswith("/v2/"):
            return {"data": [ROW] * rows}
        return {"inputs": [{"name": "rows", "shape": [rows, 4], "datatype": "FP32", "data": ROW * rows}]}

    def answers(self, url: str) -> bool:
        """Return whether the server predicts.

        Raises:
            NotMeasured: its answer is not that of the model.
        """
        try:
            answer = httpx.post(url, json=self.body(2), timeout=5)
            found = _floats(answer.raise_for_status().json())
        except httpx.HTTPError:
            return False
        if [round(one, 4) for one in found] != [round(one, 4) for one in ANSWER * 2]:
            raise NotMeasured(f"it answers {answer.text}")
        return True


def _floats(answer: Any) -> list[float]:
    """Return all probabilities in an answer, whatever its form."""
    if isinstance(answer, dict | list):
        return [one for each in (answer.values() if isinstance(answer, dict) else answer) for one in _floats(each)]
    return [answer] if isinstance(answer, float) else []


@contextmanager
def running(server: Server, folder: Path, cpu: int) -> Iterator[tuple[str, int]]:
    """Run a server; yield its URL and the id of its first process."""
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}{server.path}"
    argv = ["taskset", "-c", str(cpu), *(each.replace("PORT", str(port)) for each in server.argv)]
    with uninterrupted():
        log = folder / f"{port}.log"
        program = Program(server.name, argv, lambda: server.answers(url), log, ENV, server.folder)
    with stopping(program):
        program.wait_ready(READY_SECONDS)
        yield url, program.pid
