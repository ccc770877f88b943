"""How long admitted requests wait, at the limit of requests in flight and at five times as many.

    python -m benchmarks.web_single.overload [--rounds N] [--seconds S] [--limit N]

One worker with MAX_IN_FLIGHT=N; N clients, then five times as many. Each has one connection, and sends its next request
as soon as the last one is answered. A table on stderr, then one line of JSON.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.report import percentile

from .environment import OURS, ROW, running

BODY = json.dumps({"data": [ROW]}).encode()
HEAD = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"


async def _call(port: int, until: float, answered: list[float], refused: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.perf_counter()) < until:
        writer.write(HEAD.encode() + BODY)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        status = head[9:12]
        assert status in (b"200", b"503"), head
        (answered if status == b"200" else refused).append(1000 * (time.perf_counter() - began))
    writer.close()


async def _load(port: int, callers: int, seconds: float) -> dict[str, float]:
    answered, refused = list[float](), list[float]()
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_call(port, until, answered, refused) for _ in range(callers)))
    p50, p99 = percentile(answered, 0.5), percentile(answered, 0.99)
    return {"answered": len(answered) / seconds, "refused": len(refused) / seconds, "p50": p50, "p99": p99}


def main() -> None:
    """Run both loads in turn, round by round, on one worker."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web_single.overload", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often each load runs (9)")
    parser.add_argument("--seconds", type=float, default=2, help="duration of each load (2)")
    parser.add_argument("--limit", type=int, default=20, help="MAX_IN_FLIGHT (20)")
    plan = parser.parse_args()
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or {first})
    os.environ["MAX_IN_FLIGHT"] = str(plan.limit)
    rounds: dict[int, list[dict[str, float]]] = {plan.limit: [], 5 * plan.limit: []}
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        running(Path(folder), "ours", OURS, first) as service,
    ):
        port = int(service.url.split(":")[2].partition("/")[0])
        for _ in range(plan.rounds):
            for callers, found in rounds.items():
                found.append(uvloop.run(_load(port, callers, plan.seconds)))
    ratio = statistics.median(b["p99"] / a["p99"] for a, b in zip(*rounds.values(), strict=True))
    shown = Table(title=f"One worker, MAX_IN_FLIGHT={plan.limit}; medians of the rounds; p99 ratio {ratio:.2f}")
    for name in ("callers", "answered/s", "refused/s", "p50 ms of the answered", "p99 ms of the answered"):
        shown.add_column(name, justify="right")
    for callers, found in rounds.items():
        middle = [statistics.median(one[name] for one in found) for name in ("answered", "refused", "p50", "p99")]
        shown.add_row(str(callers), f"{middle[0]:,.0f}", f"{middle[1]:,.0f}", f"{middle[2]:.2f}", f"{middle[3]:.2f}")
    Console(stderr=True, width=None if sys.stderr.isatty() else 120).print(shown)
    print(json.dumps({"limit": plan.limit, "p99_ratio": ratio, "rounds": rounds}))


if __name__ == "__main__":
    main()
