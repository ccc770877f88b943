"""How fast the batch job is, next to one UPDATE of all rows by the database itself: see README.md.

    python -m benchmarks.batch [--only writes|runners|sizes] [--rounds N] [--rows N]

A table on stderr, then one line of JSON with every round on stdout.
"""

import argparse
import json
import os
import signal
import sys

from rich.console import Console

from local.processes import ProgramFailed
from local.servers import ServerMissing

from ..report import Figure, table
from . import alternatives, runners
from .environment import Environment

PARTS = ("writes", "runners", "sizes")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="may be given more than once; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="how many times all sides take turns (3)")
    parser.add_argument("--rows", type=int, default=200_000, help="of `writes` and `runners` (200000)")
    counts = {"type": int, "nargs": "*"}
    parser.add_argument("--runners", **counts, default=[1, 2, 4], help="runners side by side (1 2 4)")
    parser.add_argument(
        "--chunks", **counts, default=[300, 500, 2000, 5000], help="rows in a chunk (300 500 2000 5000)"
    )
    parser.add_argument("--large", type=int, default=1_000_000, help="rows in the largest table of `sizes` (1000000)")
    return parser.parse_args()


def _measure(environment: Environment, part: str, plan: argparse.Namespace) -> list[Figure]:
    if part == "writes":
        return alternatives.compare(environment, plan.rounds, plan.rows)
    if part == "runners":
        return runners.compare_speed(environment, plan.rounds, plan.rows, plan.runners, plan.chunks)
    return runners.compare_sizes(environment, plan.rounds, plan.large)


def main() -> int:
    """Run the comparisons; everything that was started is stopped, also after Ctrl-C and SIGTERM."""
    plan, console = _arguments(), Console(stderr=True, width=None if sys.stderr.isatty() else 130)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures, busy = {}, os.getloadavg()[0]
    try:
        with Environment() as environment:
            for part in plan.only or PARTS:
                console.print(f"{part} ...")
                figures[part] = _measure(environment, part, plan)
    except (ProgramFailed, ServerMissing, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    machine = {"cpus": os.cpu_count(), "load_before": round(busy, 2), "load_after": round(os.getloadavg()[0], 2)}
    console.print(table(f"batch, {plan.rows:,} rows, medians of {plan.rounds} rounds; {machine}", figures))
    found = {part: [figure.as_json() for figure in rows] for part, rows in figures.items()}
    print(json.dumps({"pattern": "batch", "rows": plan.rows, "machine": machine} | found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
