"""Sixteen concurrent clients: what batching their requests gains."""

import asyncio

from benchmarks.load import cpu_seconds
from benchmarks.report import Figure

from . import clients
from .environment import DIGITS, WIDTH, Environment, Plan, Server, median, photograph

CLIENTS = 16
BATCHING = ["--enable_batching", "--batching_parameters_file=benchmarks/synchronous/batching.config"]
THREADS = f"--grpc_max_threads={2 * CLIENTS}"


def _load(server: Server, sent: bytes, seconds: float) -> tuple[float, float]:
    """Return answers per second, and milliseconds of CPU time for each."""
    before = cpu_seconds(server.program.pid)
    answers, took = asyncio.run(clients.concurrent_calls(server.target, sent, CLIENTS, seconds))
    return answers / took, 1000 * (cpu_seconds(server.program.pid) - before) / answers


def compare(environment: Environment, plan: Plan) -> list[Figure]:
    """Sixteen clients with one image each, without and with batching, against the bare model's batches of 16."""
    image = photograph(WIDTH)
    baseline = environment.baseline(DIGITS, image)
    servers = [environment.server(DIGITS, THREADS), environment.server(DIGITS, THREADS, *BATCHING)]
    sent = clients.request(DIGITS.name, image, 1)
    rounds = []
    for _ in range(plan.rounds + 1):  # the first one warms up
        sides = [_load(server, sent, plan.seconds) for server in servers]
        rounds.append((*sides, CLIENTS / median(baseline.seconds(CLIENTS, plan.calls // 16 + 2))))
    sides_off, sides_on, bare = zip(*rounds[1:], strict=True)
    off, off_cpu = zip(*sides_off, strict=True)
    on, on_cpu = zip(*sides_on, strict=True)
    return [
        Figure("16 clients, not batched", "images/s", off, bare),
        Figure("16 clients, batched", "images/s", on, bare, at_least=0.60),
        Figure("batched (baseline: not)", "images/s", on, off, at_least=1.5),
        Figure("CPU of a request, batched (baseline: not)", "ms", on_cpu, off_cpu),
    ]
