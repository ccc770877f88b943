"""Comparison `idle`: one job at a time through an idle system, from POST to its result."""

import http.client
import json
import time
from datetime import datetime
from typing import Any

from benchmarks.report import Figure, percentile

from . import baseline
from .environment import Environment, Plan, Proxy, png
from .queue import ids


def _request(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> Any:
    connection.request(method, path, body, {"Content-Type": "image/png"} if body else {})
    return json.loads(connection.getresponse().read())


def _ours(proxy: Proxy, count: int) -> tuple[list[float], list[float]]:
    """Return for each job the milliseconds until its result, and until a worker had claimed it."""
    connection, image = http.client.HTTPConnection("127.0.0.1", proxy.port), png()
    whole, pickup = [], []
    for number in range(-3, count):  # the first ones connect and warm up
        started = time.perf_counter()
        job_id = _request(connection, "POST", "/predict", image)["job_id"]
        job = _request(connection, "GET", f"/job/{job_id}?wait=30")
        spent = time.perf_counter() - started
        assert job["status"] == "done", job
        taken = datetime.fromisoformat(job["started_at"]) - datetime.fromisoformat(job["accepted_at"])
        if number >= 0:
            whole.append(spent * 1000)
            pickup.append(taken.total_seconds() * 1000)
    connection.close()
    return whole, pickup


def _minimal(environment: Environment, count: int) -> list[float]:
    image, spent = png(), []
    baseline.prepare(environment.redis)
    arguments = [environment.redis_url, str(count + 3), "64", "--notify"]
    consumer = environment.start("minimal", ["benchmarks.asynchronous.baseline", *arguments])
    for job_id in ids(count + 3):
        started = time.perf_counter()
        baseline.produce(environment.redis, [job_id], image)
        assert environment.redis.blpop([f"{job_id}_done"], 30), "the minimal loop lost a job"
        spent.append((time.perf_counter() - started) * 1000)
    consumer.wait()
    environment.stop(consumer)
    return spent[3:]


def compare(environment: Environment, plan: Plan) -> list[Figure]:
    """Time single jobs, in turn with the minimal loop's, with a model that answers at once."""
    proxy = environment.proxy()
    worker = environment.start("worker", ["benchmarks.asynchronous.stubbed_worker"], WORKER_PROCESSES=1)
    proxy.wait()
    ours, pickups, limit = [], [], []
    for _ in range(plan.rounds):
        whole, pickup = _ours(proxy, plan.singles)
        ours, pickups = [*ours, whole], [*pickups, pickup]
        limit.append(_minimal(environment, plan.singles))
        environment.redis.delete(baseline.STREAM)
    environment.stop(worker)
    environment.stop(proxy.program)
    environment.empty()

    def of_rounds(rounds: list[list[float]], share: float) -> list[float]:
        return [percentile(times, share) for times in rounds]

    return [
        Figure("POST to result, p50", "ms", of_rounds(ours, 0.5), of_rounds(limit, 0.5), at_most=8),
        Figure("POST to result, p99", "ms", of_rounds(ours, 0.99), of_rounds(limit, 0.99)),
        Figure("accepted to taken up, p50", "ms", of_rounds(pickups, 0.5)),
        Figure("accepted to taken up, p99", "ms", of_rounds(pickups, 0.99)),
    ]
