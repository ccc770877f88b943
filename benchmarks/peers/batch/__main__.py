"""Other ways to predict the rows of a table, next to the job of batch: row by row, and with pandas.

    python -m benchmarks.peers.batch [--only "row by row"|pandas] [--rounds N] [--rows N]

All predict copies of the same rows in the same MariaDB, whose commits are durable. A table on stderr, then one line of
JSON with every round on stdout.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.batch.environment import Environment
from benchmarks.report import Figure
from local.stack import ARTIFACTS

from ..command import Measures, Pythons, parser, run
from ..environments import NotMeasured, Peer

FOLDER, DATABASE = Path(__file__).parent, "peers"
SHARES = {"row by row": 0.01, "pandas": 1.0}  # of the rows; the rate of `row by row` does not depend on their number
PEERS = [Peer(name, FOLDER / f"with_{name.replace(' ', '_')}.py") for name in SHARES]
MODEL = str(ARTIFACTS / "iris" / "1" / "model.onnx")
DONE = "SELECT COUNT(*) FROM items WHERE state = 'done' AND label <> '' AND JSON_VALID(prediction)"
SECONDS = 300


@dataclass(frozen=True)
class Speed:
    """A measurement of one side."""

    rows: float  # in a second
    megabytes: float


def ours(environment: Environment, rows: int) -> Speed:
    """Let one runner of the job predict all rows."""
    environment.refill(DATABASE)
    found = environment.run(DATABASE)
    return Speed(rows / found.seconds, found.megabytes)


def measure(environment: Environment, python: Path, peer: Peer, rows: int) -> Speed:
    """Let a peer predict its share of the rows.

    Raises:
        NotMeasured: it failed, or did not write what it should.
    """
    environment.refill(DATABASE)
    env = os.environ | {"DATABASE_URL": environment.url(DATABASE), "MODEL": MODEL}
    argv = [str(python), str(peer.file), str(rows)]
    done = subprocess.run(argv, env=env, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise NotMeasured(f"it ended with exit code {done.returncode}: {done.stderr}")
    with environment.connect(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute(DONE)
        if (written := cursor.fetchone()[0]) != rows:
            raise NotMeasured(f"it predicted {written} of {rows} rows")
    found = json.loads(done.stdout)
    return Speed(rows / found["seconds"], found["megabytes"])


@contextmanager
def prepare(_folder: Path, pythons: Pythons, plan: argparse.Namespace) -> Iterator[Measures]:
    """Start a database with the rows."""
    with Environment() as environment:
        environment.create(DATABASE, plan.rows).dispose()
        measures: Measures = {"batch": partial(ours, environment, plan.rows)}
        shares = {peer: max(1, int(SHARES[peer.name] * plan.rows)) for peer in PEERS if peer.name in pythons}
        peers = {
            peer.name: partial(measure, environment, pythons[peer.name], peer, rows) for peer, rows in shares.items()
        }
        yield {**measures, **peers}


def figures(peer: list[Speed], ours: list[Speed]) -> list[Figure]:
    """Return the figures of a peer, next to ours of the same rounds."""
    rates = ([one.rows for one in side] for side in (peer, ours))
    memory = ([one.megabytes for one in side] for side in (peer, ours))
    return [Figure("one process", "rows/s", *rates), Figure("peak RSS", "MB", *memory)]


if __name__ == "__main__":
    arguments = parser("batch", PEERS, 3)
    arguments.add_argument("--rows", type=int, default=100_000, help="in the table (100000)")
    sys.exit(run("batch", PEERS, arguments.parse_args(), prepare, figures))
