"""What importing a client of TensorFlow Serving costs: ours, next to the generated stub of the official package.

python -m benchmarks.synchronous.imports [--rounds 7]
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.report import Figure, table

OURS = "synchronous.client"
COMMAND = "synchronous.cli.command"
PACKAGE = "tensorflow_serving.apis.prediction_service_pb2_grpc"
# VmHWM is the peak of the program itself; the one that wait4() reports begins with its parent's.
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
    """Elapsed and CPU seconds of one import, and the peak memory of its process."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def cost(module: str) -> Cost:
    """Import `module` in a new process."""
    argv = [sys.executable, "-c", _MEASURE, module]
    return Cost(*map(float, subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()))


def compare(rounds: int) -> dict[str, Sequence[Figure]]:
    """Import each module in turn, `rounds` times after a first time that is not counted."""
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
    """Print a table, and the same as one line of JSON; the baseline is the package with TensorFlow behind it."""
    figures = compare(rounds)
    Console(width=120).print(table("import of a client", figures))
    print(json.dumps({name: [figure.as_json() for figure in rows] for name, rows in figures.items()}))


if __name__ == "__main__":
    typer.run(main)
