"""What each optional folder of web_single costs a request with one row.

    python -m benchmarks.web_single.parts [--rounds N] [--requests N]

Copies of the folder without one part, and without all, answer the same requests in a process of their own, without a
server. A table shows the CPU time of a request, and its ratio to that of the whole folder.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.lift.parts import copy_without, optional_folders
from local.processes import ROOT

BODY = b'{"data": [[5.1, 3.5, 1.4, 0.2]]}'
HEADERS = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def ask(app: Any) -> None:
    """Send one request to an ASGI application; raise AssertionError unless the answer is 200."""
    received, sent = iter([{"type": "http.request", "body": BODY, "more_body": False}]), []
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    scope |= {"path": "/predict", "raw_path": b"/predict", "query_string": b"", "root_path": "", "headers": HEADERS}

    async def receive() -> Any:
        return next(received, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope | {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {}}, receive, send)
    await asyncio.sleep(0)  # what the service does after an answer
    assert sent[0]["status"] == 200, sent


async def answer(package: str, requests: int) -> float:
    """Return the CPU time of one of `requests` to the service in `package`, in microseconds."""
    app = import_module(f"{package}.app").create_app()
    for _ in range(requests // 3):
        await ask(app)
    start = time.process_time()
    for _ in range(requests):
        await ask(app)
    return (time.process_time() - start) / requests * 1e6


def measure(rounds: int, requests: int) -> dict[str, list[float]]:
    """Return the CPU times of all copies in microseconds, measured in turn, round by round."""
    parts = optional_folders("web_single")
    copies = {"all parts": (), **{f"without {part}": (part,) for part in parts}, "none": tuple(parts)}
    found: dict[str, list[float]] = {name: [] for name in copies}
    env = os.environ | {"PYTHONPATH": str(ROOT), "MODEL_DIR": str(ROOT / "models" / "artifacts" / "iris")}
    with tempfile.TemporaryDirectory(prefix="parts-") as folder:
        for number, without in enumerate(copies.values()):
            copy_without("web_single", without, Path(folder), f"copy{number}")
        for _ in range(rounds):
            for number, name in enumerate(copies):
                argv = [sys.executable, "-m", "benchmarks.web_single.parts", "--answer", f"copy{number}"]
                argv += ["--requests", str(requests)]
                done = subprocess.run(argv, cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True)
                found[name].append(float(done.stdout))
    return found


def table(found: dict[str, list[float]]) -> Table:
    """Return a row for each copy."""
    shown = Table(title="CPU time of POST /predict with one row; medians of the rounds", title_justify="left")
    for name in ("copy", "us", "of all parts"):
        shown.add_column(name, justify="left" if name == "copy" else "right")
    for name, times in found.items():
        ratios = [one / whole for one, whole in zip(times, found["all parts"], strict=True)]
        shown.add_row(name, f"{statistics.median(times):.0f}", f"{statistics.median(ratios):.2f}")
    return shown


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web_single.parts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each copy is measured (5)")
    parser.add_argument("--requests", type=int, default=3000, help="in each round (3000)")
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    plan = parser.parse_args()
    if plan.answer:
        print(asyncio.run(answer(plan.answer, plan.requests)))
    else:
        Console().print(table(measure(plan.rounds, plan.requests)))


if __name__ == "__main__":
    main()
