"""How fast the asynchronous pattern is, side by side with a baseline; README.md says what is compared.

    python -m benchmarks.asynchronous [--only queue|http|idle|images|register] [--rounds N]

A table on stderr, then one line of JSON with every figure on stdout.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable

from rich.console import Console

from benchmarks import load
from benchmarks.report import Figure, table
from local.processes import ProgramFailed

from . import alternatives, idle, images, posts, queue
from .environment import Environment, Plan

COMPARISONS: dict[str, Callable[[Environment, Plan], list[Figure]]] = {
    "queue": queue.compare,
    "http": posts.compare,
    "idle": idle.compare,
    "images": images.compare,
    "register": alternatives.compare,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.asynchronous", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", choices=COMPARISONS, help="may be given more than once; default: all of them")
    add("--rounds", type=int, default=5, help="how many times both sides take turns (5)")
    add("--appendfsync", choices=("no", "everysec", "always"), default="always", help="how durable Redis is (always)")
    add("--jobs", type=int, default=10_000, help="in the queue (10000)")
    add("--seconds", type=float, default=3, help="of HTTP load, for each side of a round (3)")
    add("--singles", type=int, default=200, help="jobs on the idle system, for each side of a round (200)")
    add("--images", type=int, default=1440, help="for the real model (1440)")
    add("--kills", type=int, default=5, help="of the proxy, for each way to register (5)")
    return parser.parse_args()


def _machine(environment: Environment, busy: float) -> dict[str, object]:
    return {
        "cpus": os.cpu_count(),
        "load_before": round(busy, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "redis": environment.redis.info("server")["redis_version"],
    }


def main() -> int:
    """Run the comparisons; everything that was started is stopped, also after Ctrl-C and SIGTERM."""
    arguments, console = _arguments(), Console(stderr=True, width=None if sys.stderr.isatty() else 130)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = ("rounds", "jobs", "seconds", "singles", "images", "kills")
    plan = Plan(**{name: getattr(arguments, name) for name in names})
    chosen, figures, busy = arguments.only or list(COMPARISONS), {}, os.getloadavg()[0]
    try:
        if {"http", "register"} & set(chosen):
            load.wrk()  # a missing wrk is reported now, not after minutes
        with Environment(arguments.appendfsync) as environment:
            for name in chosen:
                console.print(f"{name} ...")
                figures[name] = COMPARISONS[name](environment, plan)
            machine = _machine(environment, busy)
    except (load.LoadFailed, ProgramFailed, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    said = f"asynchronous, appendfsync {arguments.appendfsync}, medians of {plan.rounds} rounds; {machine}"
    console.print(table(said, figures))
    found = {name: [figure.as_json() for figure in rows] for name, rows in figures.items()}
    print(json.dumps({"pattern": "asynchronous", "appendfsync": arguments.appendfsync, "machine": machine} | found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
