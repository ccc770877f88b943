"""Comparisons `http` and `register`: the real proxy under load, without its queue and with REGISTER=background."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks import load
from benchmarks.figures import Figure

from .bed import Bed, Plan, Proxy, png

NO_QUEUE = "benchmarks.jobs.stubbed_proxy:create_app"


@dataclass(frozen=True)
class Sides:
    """The rounds of two proxies that took turns, at one number of connections."""

    ours: list[load.Load]
    limit: list[load.Load]

    def figure(self, name: str, unit: str, field: str, bar: float | None = None) -> Figure:
        ours, limit = ([getattr(one, field) for one in side] for side in (self.ours, self.limit))
        return Figure(name, unit, ours, limit, bar)


def _take_turns(bed: Bed, plan: Plan, body: Path, connections: int, *proxies: Proxy) -> Sides:
    found: list[list[load.Load]] = [[], []]
    for proxy in proxies:
        proxy.wait()
    for _ in range(plan.rounds):
        for proxy, loads in zip(proxies, found, strict=True):
            loads.append(load.run(proxy.url, proxy.program.pid, connections, plan.seconds, body, "image/png"))
            bed.empty()  # twenty kilobytes a job add up
    return Sides(*found)


def _body(bed: Bed) -> Path:
    path = bed.folder / "image.png"
    path.write_bytes(png())
    return path


def compare(bed: Bed, plan: Plan) -> list[Figure]:
    """POST an image to the proxy, and to the same proxy that stores nothing."""
    ours, limit, body, figures = bed.proxy(), bed.proxy(NO_QUEUE), _body(bed), []
    for connections in (1, 16, 64):
        sides = _take_turns(bed, plan, body, connections, ours, limit)
        at = f"{connections} connection{'s'[: connections - 1]}"
        figures.append(sides.figure(f"POST, {at}", "requests/s", "per_second", 0.5))
        figures.append(sides.figure(f"p50, {at}", "ms", "p50"))
        figures.append(sides.figure(f"p99, {at}", "ms", "p99"))
        figures.append(sides.figure(f"proxy's CPU, {at}", "ms/request", "cpu"))
    bed.stop(ours.program)
    bed.stop(limit.program)
    return figures


def compare_register(bed: Bed, plan: Plan) -> list[Figure]:
    """POST with REGISTER=before_answer, the default, and with `background`, which stands in the column `limit`."""
    ours, limit = bed.proxy(REGISTER="before_answer"), bed.proxy(REGISTER="background")
    sides = _take_turns(bed, plan, _body(bed), 16, ours, limit)
    bed.stop(ours.program)
    bed.stop(limit.program)
    return [
        sides.figure("POST, before_answer against background", "requests/s", "per_second"),
        sides.figure("p50", "ms", "p50"),
        sides.figure("p99", "ms", "p99"),
    ]
