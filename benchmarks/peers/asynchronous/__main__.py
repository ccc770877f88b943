"""Other job queues on Redis, next to the asynchronous pattern: the queue is filled, then one worker process drains it.

    python -m benchmarks.peers.asynchronous [--only Celery|RQ|ARQ|Dramatiq|taskiq] [--rounds N] [--jobs N]

Each job carries an image of 20 KB, its model answers at once, and its result is stored. A table on stderr, then one
line of JSON with every round on stdout.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.asynchronous import queue
from benchmarks.asynchronous.environment import Environment, png
from benchmarks.report import Figure

from ..command import Measures, Pythons, parser, run
from ..environments import Peer
from .drain import Drain

FOLDER = Path(__file__).parent
PEERS = [Peer(name, FOLDER / f"with_{name.lower()}.py") for name in ("Celery", "RQ", "ARQ", "Dramatiq", "taskiq")]
BATCH_SIZE = 32  # the pattern's default
# Ours in other forms, next to ours.
OTHERS: dict[str, Callable[..., queue.Side]] = {
    "one job in a batch": lambda *sides: queue.ours(sides[0], sides[1], 1, sides[2]),
    "minimal loop": lambda *sides: queue.minimal(sides[0], sides[1], BATCH_SIZE, sides[2]),
}
FIELDS = (
    ("drained", "drain", "jobs/s"),
    ("worker", "worker's CPU", "s/1,000 jobs"),
    ("redis", "Redis's CPU", "s/1,000 jobs"),
)


@contextmanager
def prepare(_folder: Path, pythons: Pythons, plan: argparse.Namespace) -> Iterator[Measures]:
    """Start a Redis for all sides."""
    with Environment(plan.appendfsync) as environment:
        image = png()
        measures: Measures = {"asynchronous": partial(queue.ours, environment, plan.jobs, BATCH_SIZE, image)}
        others = {name: partial(side, environment, plan.jobs, image) for name, side in OTHERS.items()}
        peers = {
            peer.name: Drain(environment, pythons[peer.name], peer, plan.jobs) for peer in PEERS if peer.name in pythons
        }
        yield {**measures, **others, **peers}


def figures(peer: list[queue.Side], ours: list[queue.Side]) -> list[Figure]:
    """Return the figures of a peer, next to ours of the same rounds."""
    sides = (peer, ours)
    return [
        Figure(name, unit, *([getattr(one, field) for one in side] for side in sides)) for field, name, unit in FIELDS
    ]


if __name__ == "__main__":
    arguments = parser("asynchronous", PEERS, 3)
    arguments.add_argument("--jobs", type=int, default=2000, help="in the queue (2000)")
    durable = {"choices": ("no", "everysec", "always"), "default": "always"}
    arguments.add_argument("--appendfsync", **durable, help="how durable Redis is (always)")
    sys.exit(run("asynchronous", PEERS, arguments.parse_args(), prepare, figures))
