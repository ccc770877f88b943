"""Measure all four patterns, and write RESULTS.md and the pictures; with a pattern, print its tables only.

    python -m benchmarks [web_single|synchronous|asynchronous|batch] [--peers] [--write]

All four take less than 15 minutes on two CPUs, the peers as long again.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from local.processes import ROOT, exit_on_signals, started

from . import machine, markdown, picture, results

# The options that make a program short enough to run with the three others.
OPTIONS = {
    "web_single": ["--rounds=3", "--seconds=2"],
    "synchronous": ["--rounds=3", "--calls=100", "--seconds=2"],
    "asynchronous": ["--rounds=3", "--jobs=5000", "--seconds=2", "--singles=100", "--images=720", "--kills=3"],
    "batch": ["--rounds=3", "--rows=40000", "--large=200000", "--runners", "1", "2", "--chunks", "500", "2000"],
}
PEERS = ("web_single", "asynchronous", "batch")
STOP_SECONDS = 60


class BenchmarkFailed(Exception):
    """A program ended with an error, which it has printed."""


def printed(argv: Sequence[str]) -> str:
    """Run a program of this repository and return what it prints. Its tables on stderr are shown.

    Raises:
        BenchmarkFailed: its exit code is not 0.
    """
    command = [sys.executable, "-m", *argv]
    # In a session of its own, it gets only one signal: a second one from the terminal would end its cleanup.
    with started(command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            output, _ = process.communicate()
        except BaseException:  # the program stops what it has started, which takes a while
            process.terminate()
            process.wait(STOP_SECONDS)
            raise
    if process.returncode:
        raise BenchmarkFailed(f"{' '.join(argv)} ended with exit code {process.returncode}")
    return output


def measure(argv: Sequence[str]) -> dict[str, Any]:
    """Run a benchmark; return its line of JSON, with when and how it ran."""
    print(f"python -m {shlex.join(argv)}", file=sys.stderr)
    busy, began, date = os.getloadavg()[0], time.monotonic(), datetime.now(UTC)
    found = json.loads(printed(argv).splitlines()[-1])
    return {
        "command": f"python -m {shlex.join(argv)}",
        "date": f"{date:%Y-%m-%d %H:%M} UTC",
        "seconds": round(time.monotonic() - began, 1),
        "load_before": round(busy, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "found": results.rounded(found),
    }


def measure_all(with_peers: bool) -> None:
    """Measure all patterns and keep the results; then the peers, whose last results on this machine stay until then."""
    now: dict[str, Any] = {"machine": machine.describe(), "versions": machine.versions()}
    last = results.load()
    now["patterns"] = {name: measure([f"benchmarks.{name}", *options]) for name, options in OPTIONS.items()}
    now["peers"] = last.get("peers", {}) if last.get("machine") == now["machine"] else {}
    keep(now)
    for name in PEERS if with_peers else ():
        now["peers"][name] = measure([f"benchmarks.peers.{name}"])
        keep(now)


def keep(found: dict[str, Any]) -> None:
    """Save results, and write the files that come from them."""
    results.save(found)
    write(found)


def write(found: dict[str, Any]) -> None:
    """Write RESULTS.md and the pictures."""
    markdown.FILE.write_text(markdown.written(found))
    pictures = markdown.FILE.with_name("pictures")
    pictures.mkdir(exist_ok=True)
    for old in pictures.glob("*.svg"):
        old.unlink()
    for name, drawn in picture.of_results(found).items():
        (pictures / name).write_text(drawn)


def main() -> None:
    """Measure what was asked for; after Ctrl-C and SIGTERM, wait until the benchmarks have stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("pattern", nargs="?", choices=OPTIONS, help="print its tables, with its own default options")
    parser.add_argument(
        "--peers", action="store_true", help="also install and measure other programs for the same work"
    )
    parser.add_argument("--write", action="store_true", help="measure nothing: write the files from results.json again")
    plan = parser.parse_args()
    exit_on_signals(143)
    try:
        if plan.pattern:
            if plan.peers and plan.pattern not in PEERS:
                raise BenchmarkFailed(f"{plan.pattern} has no peers; choose {', '.join(PEERS)}")
            print(printed([f"benchmarks.{plan.pattern}"]), end="")
            if plan.peers:
                print(printed([f"benchmarks.peers.{plan.pattern}"]), end="")
        elif plan.write:
            write(results.load())
        else:
            measure_all(plan.peers)
    except BenchmarkFailed as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
