"""Start patterns on free ports, send real requests through each, print what came back, stop everything."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from ..processes import ProgramFailed, exit_on_signals
from ..servers import ServerMissing
from ..settings import Settings
from ..stack import PATTERNS, Stack
from . import asynchronous, batch, synchronous, web_single
from .steps import DemoFailed

STEPS = {
    "web_single": web_single.steps,
    "synchronous": synchronous.steps,
    "asynchronous": asynchronous.steps,
    "batch": batch.steps,
}
CONSOLE = Console(width=None if sys.stdout.isatty() else 120)


def is_ready(pattern: str, stack: Stack, failures: list[str]) -> bool:
    """Wait for a pattern's programs; add the reason to `failures` if they do not become ready."""
    try:
        stack.wait(pattern, say)
    except ProgramFailed as error:
        failures.append(f"{pattern}: {error}")
        return False
    return True


def run_steps(pattern: str, stack: Stack, table: Table) -> list[str]:
    """Send every request of one pattern and add a row for each answer; return the failures."""
    try:
        for step in STEPS[pattern](stack):
            started = time.perf_counter()
            answer = step.ask()
            table.add_row(pattern, step.request, answer, f"{(time.perf_counter() - started) * 1000:.1f}")
            say(f"  {pattern}: {step.request}")
    except (DemoFailed, httpx.HTTPError) as error:
        return [f"{pattern}: {step.request}: {error}"]
    return []


def say(line: str) -> None:
    """Show progress."""
    CONSOLE.print(line, style="dim", highlight=False, markup=False)


def main() -> int:
    """Run the demo of the patterns that are named; the exit code is 1 if any of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", nargs="*", default=PATTERNS, help="default: all four")
    patterns: list[str] = parser.parse_args().patterns
    exit_on_signals(143)
    table = Table("pattern", "request", "answer", "ms", highlight=False)
    table.columns[-1].justify = "right"
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="serving-patterns-") as folder:
        try:
            with Stack(patterns, Settings.on_free_ports(), Path(folder)) as stack:
                stack.start()
                ready = [pattern for pattern in patterns if is_ready(pattern, stack, failures)]
                for pattern in ready:
                    failures += run_steps(pattern, stack, table)
        except (ProgramFailed, ServerMissing) as error:
            failures.append(str(error))
        except KeyboardInterrupt:
            return 130
    CONSOLE.print(table)
    for failure in failures:
        CONSOLE.print(f"FAILED {failure}", style="red", markup=False)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
