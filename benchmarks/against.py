"""Compare a benchmark of this tree with that of an earlier commit, in turns.

    python -m benchmarks.against COMMIT PATTERN [--rounds N] [OPTIONS OF THE BENCHMARK]

Each tree runs its own `python -m benchmarks.PATTERN` with these options, one round at a time. The table shows every
figure that both report. Both trees use this environment's packages and this tree's models, so the commit must still run
with them.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.processes import ROOT
from local.stack import ARTIFACTS

from .report import number, two_digits

Found = dict[str, float]


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Yield a folder with the files of a commit, and with copies of this tree's models."""
    with tempfile.TemporaryDirectory(prefix="against-") as folder:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        shutil.copytree(ARTIFACTS, Path(folder) / ARTIFACTS.relative_to(ROOT))
        yield Path(folder)


def flatten(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    """Yield name and value of each figure in the JSON of a benchmark; of several rounds, the median."""
    if isinstance(value, dict) and {"name", "value"} <= value.keys():
        yield f"{place}: {value['name']}, {value['unit']}", value["value"]
        if "ratio" in value:
            yield f"{place}: {value['name']}, of its limit", value["ratio"]
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from flatten(inner, f"{place} {name}".strip())
    elif isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
        for inner in value:
            yield from flatten(inner, place)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for name in value[0]:
            yield f"{place} {name}", statistics.median(each[name] for each in value)
    elif isinstance(value, list) and value:
        yield place, statistics.median(value)


def run(tree: Path, pattern: str, options: list[str]) -> Found:
    """Return the figures of one round in a tree."""
    argv = [sys.executable, "-m", f"benchmarks.{pattern}", "--rounds", "1", *options]
    env = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(argv, cwd=tree, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return dict(flatten(json.loads(done.stdout.splitlines()[-1])))


def table(commit: str, rounds: list[tuple[Found, Found]]) -> Table:
    """Return one row for each figure that both trees have: the medians of both sides and of the rounds' ratios."""
    shown = Table(title=f"this tree beside {commit}, medians of {len(rounds)} rounds", title_justify="left")
    for name in ("figure", commit, "this tree", f"this tree / {commit}"):
        shown.add_column(name, justify="left" if name == "figure" else "right")
    for name in rounds[0][0]:
        sides = [(before[name], now[name]) for before, now in rounds if name in now]
        if sides and all(before for before, _ in sides):
            before, now = (statistics.median(side) for side in zip(*sides, strict=True))
            ratio = statistics.median(now / before for before, now in sides)
            shown.add_row(name, number(before), number(now), two_digits(ratio))
    return shown


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against", description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("pattern", choices=("web_single", "synchronous", "asynchronous", "batch"))
    parser.add_argument("--rounds", type=int, default=3, help="how often both trees take turns (3)")
    plan, options = parser.parse_known_args()
    with checked_out(plan.commit) as before:
        trees = before, ROOT
        rounds = [tuple(run(tree, plan.pattern, options) for tree in trees) for _ in range(plan.rounds)]
    Console(width=None if sys.stdout.isatty() else 120).print(table(plan.commit, rounds))


if __name__ == "__main__":
    main()
