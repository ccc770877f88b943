"""Other servers of the same ONNX graph, next to web_single: one CPU for each server, wrk on another.

    python -m benchmarks.peers.web_single [--only BentoML|MLServer|LitServe] [--rounds N] [--seconds S]

A table on stderr, then one line of JSON with every round on stdout.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.report import Figure
from benchmarks.web_single.environment import OURS
from local.processes import ROOT

from ..command import Measures, Pythons, parser, run
from ..environments import Peer
from ..processes import family, megabytes
from .server import Server, running

FOLDER = Path(__file__).parent
PEERS = [Peer(name, FOLDER / f"with_{name.lower()}.py") for name in ("BentoML", "MLServer", "LitServe")]
PATHS = {"MLServer": "/v2/models/iris/infer"}
LOADS = {"1 row, 1 connection": (1, 1), "1 row, 16": (1, 16), "1 row, 64": (1, 64), "1,000 rows, 4": (1000, 4)}
FIELDS = (("per_second", "", "requests/s", 1), ("p99", ", p99", "ms", 1), ("cpu", ", CPU", "us", 1000))


def measure(server: Server, folder: Path, cpu: int, seconds: float) -> dict[str, Any]:
    """Return the result of each kind of load, and the megabytes of all processes afterwards."""
    with running(server, folder, cpu) as (url, pid):
        found: dict[str, Any] = {}
        for kind, (rows, connections) in LOADS.items():
            body = folder / "body.json"
            body.write_text(json.dumps(server.body(rows)))
            found[kind] = load.run(url, family(pid), connections, seconds, body, "application/json")
        return found | {"megabytes": megabytes(family(pid))}


@contextmanager
def prepare(folder: Path, pythons: Pythons, plan: argparse.Namespace) -> Iterator[Measures]:
    """Leave one CPU to the servers; wrk has the others."""
    load.wrk()
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or {first})
    ours = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:PORT", "-w", "1", *OURS]
    sides = [Server("web_single", ours, ROOT)]
    for peer in PEERS:
        if python := pythons.get(peer.name):
            argv = [str(python), str(peer.file), "PORT"]
            sides.append(Server(peer.name, argv, FOLDER, PATHS.get(peer.name, "/predict")))
    yield {side.name: partial(measure, side, folder, first, plan.seconds) for side in sides}


def figures(peer: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[Figure]:
    """Return the figures of a peer, next to ours of the same rounds."""
    found = []
    for kind in LOADS:
        for field, title, unit, factor in FIELDS:
            sides = ([factor * getattr(one[kind], field) for one in side] for side in (peer, ours))
            found.append(Figure(kind + title, unit, *sides))
    memory = ([one["megabytes"] for one in side] for side in (peer, ours))
    return [*found, Figure("memory of all processes", "MB", *memory)]


if __name__ == "__main__":
    arguments = parser("web_single", PEERS, 3)
    arguments.add_argument("--seconds", type=float, default=2, help="duration of each kind of load (2)")
    sys.exit(run("web_single", PEERS, arguments.parse_args(), prepare, figures))
