"""How fast the stand-in server is, next to the bare model; README.md lists what is compared.

    python -m benchmarks.synchronous [--only single|batch|clients|rest|first|inception] [--rounds N]

A table on stderr, then one line of JSON with every figure on stdout.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import grpc
from rich.console import Console

from benchmarks.report import Figure, table
from local.processes import ProgramFailed

from . import many_clients, one_client
from .environment import Environment, Plan

COMPARISONS: dict[str, Callable[[Environment, Plan], list[Figure]]] = {
    "single": one_client.single,
    "batch": one_client.batch,
    "clients": many_clients.compare,
    "rest": one_client.rest,
    "first": one_client.first,
    "inception": one_client.inception,
}


def main() -> int:
    """Run the comparisons; everything that was started is stopped, also after Ctrl-C and SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synchronous", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", choices=COMPARISONS, help="may be given more than once; default: all of them")
    add("--rounds", type=int, default=5, help="how many times both sides take turns (5)")
    add("--calls", type=int, default=200, help="of one image, for each side of a round (200)")
    add("--seconds", type=float, default=3, help="of 16 clients, for each side of a round (3)")
    arguments, console = parser.parse_args(), Console(stderr=True, width=None if sys.stderr.isatty() else 130)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plan = Plan(arguments.rounds, arguments.calls, arguments.seconds)
    figures, busy = {}, os.getloadavg()[0]
    try:
        first, *others = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, others or {first})
        for name in arguments.only or COMPARISONS:
            console.print(f"{name} ...")
            with Environment(first) as environment:
                figures[name] = COMPARISONS[name](environment, plan)
    except (ProgramFailed, subprocess.CalledProcessError, grpc.RpcError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    said = f"synchronous, server and baseline on one CPU, medians of {plan.rounds} rounds; load before {busy:.2f}"
    console.print(table(said, figures))
    found = {name: [figure.as_json() for figure in rows] for name, rows in figures.items()}
    print(json.dumps({"pattern": "synchronous", "cpus": os.cpu_count(), "load_before": round(busy, 2)} | found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
