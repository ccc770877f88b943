"""What a program pays to be a client of TensorFlow Serving: ours, next to the messages as their package gives them.

python -m benchmarks.images.imports [--rounds 7]
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.figures import Figure, table

OURS = "synchronous.client"
COMMAND = "synchronous.cli.command"
PACKAGE = "tensorflow_serving.apis.prediction_service_pb2_grpc"
# The peak is that of the program itself; what wait4() reports would begin with its parent's.
_MEASURE = """if True:
    import sys, time
    began, busy = time.perf_counter(), time.process_time()
    __import__(sys.argv[1])
    spent = time.perf_counter() - began, time.process_time() - busy
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(*spent, peak * 1024 / 1e6)"""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of CPU for one import, and the most memory its process ever had."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def cost(module: str) -> Cost:
    """Import `module` in a new process."""
    argv = [sys.executable, "-c", _MEASURE, module]
    return Cost(*map(float, subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()))


def compare(rounds: int) -> dict[str, Sequence[Figure]]:
    """Import both in turns, and the command line, each `rounds` times after a first time that does not count."""
    modules = (OURS, COMMAND, PACKAGE)
    costs = [{module: cost(module) for module in modules} for _ in range(rounds + 1)][1:]

    def column(module: str, field: str) -> list[float]:
        return [getattr(of_round[module], field) for of_round in costs]

    def figures(module: str) -> list[Figure]:
        named = (("import", "s", "seconds", 0.5), ("CPU", "s", "cpu_seconds", None), ("peak", "MB", "megabytes", 60))
        return [
            Figure(name, unit, column(module, field), column(PACKAGE, field), at_most=bar)
            for name, unit, field, bar in named
        ]

    return {module: figures(module) for module in (OURS, COMMAND)}


def main(rounds: Annotated[int, typer.Option(min=1)] = 7) -> None:
    """Print a table, and the same as one line of JSON; the limit is the package with TensorFlow behind it."""
    figures = compare(rounds)
    Console(width=120).print(table("import of a client", figures))
    print(json.dumps({name: [figure.as_json() for figure in rows] for name, rows in figures.items()}))


if __name__ == "__main__":
    typer.run(main)
