"""The command of each group of peers: install, measure in turn, print a table and a line of JSON."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.report import Figure, table
from local.processes import ProgramFailed, exit_on_signals
from local.servers import ServerMissing

from ..load import LoadFailed
from .environments import NotMeasured, Peer, Sides

Measures = Mapping[str, Callable[[], Any]]
Pythons = Mapping[str, Path]  # of each peer that is installed
Prepare = Callable[[Path, Pythons, argparse.Namespace], AbstractContextManager[Measures]]


def parser(pattern: str, peers: Sequence[Peer], rounds: int) -> argparse.ArgumentParser:
    """Return the parser of what all groups have in common."""
    found = argparse.ArgumentParser(prog=f"python -m benchmarks.peers.{pattern}")
    names = [peer.name for peer in peers]
    found.add_argument("--only", action="append", choices=names, help="may be given more than once; default: all")
    found.add_argument("--rounds", type=int, default=rounds, help=f"how many times all sides take turns ({rounds})")
    return found


def installed(peers: Sequence[Peer], folder: Path, sides: Sides) -> dict[str, Path]:
    """Install the peers; note those that cannot be installed in `sides`."""
    pythons = {}
    for peer in peers:
        print(f"installing {peer.name} ...", file=sys.stderr)
        try:
            pythons[peer.name] = peer.install(folder)
        except NotMeasured as error:
            sides.failed[peer.name] = str(error)
    return pythons


def run(
    pattern: str,
    peers: Sequence[Peer],
    plan: argparse.Namespace,
    prepare: Prepare,
    figures: Callable[[list[Any], list[Any]], list[Figure]],
) -> int:
    """Measure ours, whose measurement has the pattern's name, and the peers; return the exit code.

    `prepare` starts what all sides share, and yields the measurements. `figures` turns the rounds of a peer and of ours
    into figures.
    """
    exit_on_signals(143)
    chosen, sides = [peer for peer in peers if peer.name in (plan.only or [peer.name])], Sides()
    try:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            pythons = installed(chosen, Path(folder), sides)
            with prepare(Path(folder), pythons, plan) as measures:
                sides.take_turns(plan.rounds, measures, may_fail=pythons)
    except (NotMeasured, LoadFailed, ProgramFailed, ServerMissing, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    names = [name for name in sides.rounds if name not in (pattern, *sides.failed)]
    found = {name: figures(sides.rounds[name], sides.rounds[pattern]) for name in names}
    title = f"peers of {pattern} (limit: {pattern} itself), medians of {plan.rounds} rounds"
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 130)
    console.print(table(title, found))
    for name, reason in sides.failed.items():
        console.print(f"{name}: not measured: {reason}", markup=False)
    print(json.dumps(sides.as_json(pattern, chosen, found) | {"cpus": os.cpu_count()}))
    return 0
