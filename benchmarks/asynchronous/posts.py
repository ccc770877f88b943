"""Comparison `http`: the real proxy under load, with its queue and without."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks import load
from benchmarks.report import Figure

from .environment import Environment, Plan, Proxy, png

NO_QUEUE = "benchmarks.asynchronous.stubbed_proxy:create_app"


@dataclass(frozen=True)
class Sides:
    """The rounds of two proxies that took turns, at one number of connections."""

    ours: list[load.Load]
    limit: list[load.Load]

    def figure(self, name: str, unit: str, field: str, bar: float | None = None) -> Figure:
        ours, limit = ([getattr(one, field) for one in side] for side in (self.ours, self.limit))
        return Figure(name, unit, ours, limit, bar)


def take_turns(environment: Environment, plan: Plan, body: Path, connections: int, *proxies: Proxy) -> Sides:
    found: list[list[load.Load]] = [[], []]
    for proxy in proxies:
        proxy.wait()
    for _ in range(plan.rounds):
        for proxy, loads in zip(proxies, found, strict=True):
            loads.append(load.run(proxy.url, [proxy.program.pid], connections, plan.seconds, body, "image/png"))
            environment.empty()  # twenty kilobytes a job add up
    return Sides(*found)


def body_file(environment: Environment) -> Path:
    path = environment.folder / "image.png"
    path.write_bytes(png())
    return path


def compare(environment: Environment, plan: Plan) -> list[Figure]:
    """POST an image to the proxy, and to the same proxy without a queue."""
    ours, limit, body, figures = environment.proxy(), environment.proxy(NO_QUEUE), body_file(environment), []
    for connections in (1, 16, 64):
        sides = take_turns(environment, plan, body, connections, ours, limit)
        at = f"{connections} connection{'s'[: connections - 1]}"
        figures.append(sides.figure(f"POST, {at}", "requests/s", "per_second", 0.5))
        figures.append(sides.figure(f"p50, {at}", "ms", "p50"))
        figures.append(sides.figure(f"p99, {at}", "ms", "p99"))
        figures.append(sides.figure(f"proxy's CPU, {at}", "ms/request", "cpu"))
    environment.stop(ours.program)
    environment.stop(limit.program)
    return figures
