"""One client, one request at a time: what the server adds to the bare model, over gRPC and over REST."""

import http.client
import subprocess
import sys
from pathlib import Path

import grpc

from benchmarks.load import cpu_seconds
from benchmarks.report import Figure

from . import clients
from .environment import DIGITS, WIDTH, Baseline, Environment, Plan, Server, Side, median, photograph

WIDE = 640  # pixels; closer to the photographs that InceptionV3 gets
WARM = 5  # calls before the first round


def _ours(server: Server, call: clients.Call, calls: int) -> Side:
    before = cpu_seconds(server.program.pid)
    took = clients.seconds(call, calls)
    return Side(took, cpu_seconds(server.program.pid) - before)


def _baseline(baseline: Baseline, batch: int, calls: int) -> Side:
    before = cpu_seconds(baseline.pid)
    took = baseline.seconds(batch, calls)
    return Side(took, cpu_seconds(baseline.pid) - before)


def _turns(
    environment: Environment, plan: Plan, base_path: Path, batch: int, calls: int, image: bytes
) -> list[tuple[Side, Side]]:
    """Return the rounds of ours and the baseline, with one gRPC client and `batch` images in a request."""
    server, baseline = environment.server(base_path), environment.baseline(base_path, image)
    with grpc.insecure_channel(server.target, options=clients.NO_LIMIT) as channel:
        call = clients.grpc_call(channel, clients.request(server.model, image, batch))
        clients.seconds(call, WARM), baseline.seconds(batch, WARM)
        return [(_ours(server, call, calls), _baseline(baseline, batch, calls)) for _ in range(plan.rounds)]


def _rates(name: str, rounds: list[tuple[Side, Side]], batch: int, at_least: float) -> list[Figure]:
    rates = [[batch / side.median for side in sides] for sides in zip(*rounds, strict=True)]
    cpu = [[1000 * side.cpu / (batch * len(side.took)) for side in sides] for sides in zip(*rounds, strict=True)]
    return [Figure(name, "images/s", *rates, at_least=at_least), Figure("CPU of an image", "ms", *cpu)]


def single(environment: Environment, plan: Plan) -> list[Figure]:
    """One image in a request, one request at a time."""
    rounds = _turns(environment, plan, DIGITS, 1, plan.calls, photograph(WIDTH))
    took = [[1000 * side.median for side in sides] for sides in zip(*rounds, strict=True)]
    added = [ours - baseline for ours, baseline in zip(*took, strict=True)]
    cpu = [[1000 * side.cpu / len(side.took) for side in sides] for sides in zip(*rounds, strict=True)]
    return [
        Figure("one image, p50", "ms", *took),
        Figure("the server adds", "ms", added, at_most=1.0),
        Figure("CPU of a request", "ms", *cpu),
    ]


def batch(environment: Environment, plan: Plan) -> list[Figure]:
    """Thirty-two images in a request."""
    return _rates(
        "batches of 32", _turns(environment, plan, DIGITS, 32, plan.calls // 16 + 2, photograph(WIDTH)), 32, 0.90
    )


def inception(environment: Environment, plan: Plan) -> list[Figure]:
    """A large network: InceptionV3 with random weights, built here."""
    build = [sys.executable, "-m", "models.inception_v3", "--weights", "random", "--output", str(environment.folder)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rounds = _turns(environment, plan, environment.folder / "inception_v3", 8, plan.calls // 64 + 2, photograph(WIDE))
    return _rates("InceptionV3, batches of 8", rounds, 8, 0.95)


def rest(environment: Environment, plan: Plan) -> list[Figure]:
    """REST next to gRPC, with one image and with 32 in a request."""
    server, image, figures = environment.server(DIGITS), photograph(WIDTH), []
    with grpc.insecure_channel(server.target) as channel:
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
        for size, calls in ((1, plan.calls), (32, plan.calls // 16 + 2)):
            call = clients.grpc_call(channel, clients.request(server.model, image, size))
            by_rest = clients.rest_call(connection, server.model, image, size)
            clients.seconds(call, WARM), clients.seconds(by_rest, WARM)
            rounds = [(_ours(server, by_rest, calls), _ours(server, call, calls)) for _ in range(plan.rounds)]
            took = [[1000 * side.median for side in sides] for sides in zip(*rounds, strict=True)]
            figures.append(Figure(f"REST, {size} (baseline: gRPC), p50", "ms", *took))
        connection.close()
    return figures


def first(environment: Environment, plan: Plan) -> list[Figure]:
    """The first request after the start, next to the median of those that follow."""
    firsts, medians = [], []
    for _ in range(plan.rounds):
        server = environment.server(DIGITS)
        with grpc.insecure_channel(server.target) as channel:
            grpc.channel_ready_future(channel).result(10)
            call = clients.grpc_call(channel, clients.request(server.model, photograph(WIDTH), 1))
            took = clients.seconds(call, 1 + plan.calls // 4)
        server.program.stop()
        firsts.append(1000 * took[0])
        medians.append(1000 * median(took[1:]))
    ratios = [one / median for one, median in zip(firsts, medians, strict=True)]
    return [
        Figure("first request (baseline: the median)", "ms", firsts, medians),
        Figure("first / median", "", ratios, at_most=3),
    ]
