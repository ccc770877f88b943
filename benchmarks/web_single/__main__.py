"""How fast `POST /predict` of web_single is, beside a baseline that only answers and common ways to write it.

    python -m benchmarks.web_single [--rounds N] [--seconds S] [--only SERVICE]

Each service has one worker under gunicorn, pinned to one CPU; wrk has another. A table on stderr, then one line of
JSON with every round on stdout.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import load
from local.processes import ProgramFailed

from .environment import OURS, ROW, Service, running

BARE = ["-k", "uvicorn_worker.UvicornWorker"]
SERVICES = {
    "baseline": [*BARE, "benchmarks.web_single.baseline:create_app()"],
    "def, zipmap": [*BARE, "benchmarks.web_single.alternatives:zipmap()"],
    "async def, models": [*BARE, "benchmarks.web_single.alternatives:models()"],
    "Starlette, TypeAdapter": [*BARE, "benchmarks.web_single.alternatives:adapter()"],
    "web_single": OURS,
}
LOADS = {"1 row, 1 connection": (1, 1), "1 row, 16": (1, 16), "1 row, 64": (1, 64), "1,000 rows, 4": (1000, 4)}


class Measured:
    """The rounds of one service."""

    def __init__(self) -> None:
        self.loads: dict[str, list[load.Load]] = {kind: [] for kind in LOADS}
        self.megabytes: list[float] = []
        self.ready_after: list[float] = []

    def add(self, folder: Path, service: Service, seconds: float) -> None:
        """Put a running service under each kind of load."""
        for kind, (rows, connections) in LOADS.items():
            body = folder / f"{rows}.json"
            body.write_text(json.dumps({"data": [ROW] * rows}))
            found = load.run(service.url, [service.worker], connections, seconds, body, "application/json")
            self.loads[kind].append(found)
        self.megabytes.append(service.megabytes)
        self.ready_after.append(service.ready_after)

    def median(self, kind: str, field: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(getattr(one, field) for one in self.loads[kind])

    def ratio(self, baseline: "Measured", kind: str, field: str) -> float:
        """Return the median of the rounds' ratios to `baseline`: both sides of a round had the same noise."""
        pairs = zip(self.loads[kind], baseline.loads[kind], strict=True)
        return statistics.median(getattr(ours, field) / getattr(its, field) for ours, its in pairs)


def measure(plan: argparse.Namespace) -> dict[str, Measured]:
    """Measure all services in turn, round by round."""
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or {first})  # wrk and gunicorn's master inherit it
    found = {name: Measured() for name in SERVICES if name in plan.only}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for _ in range(plan.rounds):
            for name, measured in found.items():
                with running(Path(folder), name, SERVICES[name], first) as service:
                    measured.add(Path(folder), service, plan.seconds)
    return found


def table(found: dict[str, Measured]) -> Table:
    """Return a row for each service and kind of load."""
    shown = Table(title="POST /predict, one worker; medians of the rounds", title_justify="left")
    for name in ("load", "service", "requests/s", "of the baseline", "p50 ms", "p99 ms", "CPU us", "of the baseline's"):
        shown.add_column(name, justify="left" if name in ("load", "service") else "right")
    for kind in LOADS:
        for name, one in found.items():
            rate, cpu = (one.ratio(found["baseline"], kind, field) for field in ("per_second", "cpu"))
            p50, p99 = one.median(kind, "p50"), one.median(kind, "p99")
            numbers = [f"{one.median(kind, 'per_second'):,.0f}", f"{rate:.2f}", f"{p50:.2f}", f"{p99:.2f}"]
            shown.add_row(kind, name, *numbers, f"{one.median(kind, 'cpu') * 1000:.0f}", f"{cpu:.2f}")
        shown.add_section()
    for name, one in found.items():
        memory, ready = statistics.median(one.megabytes), statistics.median(one.ready_after)
        shown.add_row("", name, f"{memory:.0f} MB resident", "", "", "", "", f"ready in {ready:.2f} s")
    return shown


def as_json(found: dict[str, Measured]) -> dict[str, object]:
    """Return every round of every service."""
    return {
        name: {"megabytes": one.megabytes, "ready_after": one.ready_after}
        | {kind: [asdict(load) for load in loads] for kind, loads in one.loads.items()}
        for name, one in found.items()
    }


def main() -> int:
    """Run, print, and leave nothing running, even after Ctrl-C and SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web_single", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each service is measured (5)")
    parser.add_argument("--seconds", type=float, default=3, help="duration of each kind of load (3)")
    chosen = {"nargs": "+", "choices": SERVICES, "default": list(SERVICES)}
    parser.add_argument("--only", **chosen, help="which services; the baseline must be among them (all)")
    plan = parser.parse_args()
    if "baseline" not in plan.only:
        parser.error("without the baseline there is nothing to compare with")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    busy = os.getloadavg()[0]
    try:
        load.wrk()  # a missing wrk is reported now, not after minutes
        found = measure(plan)
    except (load.LoadFailed, ProgramFailed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    Console(stderr=True, width=None if sys.stderr.isatty() else 130).print(table(found))
    print(json.dumps({"pattern": "web_single", "load_before": round(busy, 2), "services": as_json(found)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
