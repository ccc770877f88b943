"""Comparison `queue`: the real worker process with leases, retries, expiry and states, against the minimal loop."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from asynchronous.job_queue import JobQueue
from asynchronous.keys import RECORD
from asynchronous.settings import Settings
from asynchronous.throughput.grouped_submit import group_submits
from benchmarks.report import Figure

from . import baseline
from .environment import CPU_FILE, CPU_TIMES, MAX_QUEUED_JOBS, Environment, Plan, png

SUBMITTERS = 32  # fewer than the connections of a `JobQueue`: no submitter waits for a connection
PIPELINE = 64  # jobs that the minimal loop submits in one round trip


@dataclass(frozen=True)
class Side:
    """One side of a round: jobs per second in and out, and CPU seconds for 1,000 jobs (Redis's: jobs out)."""

    produced: float
    drained: float
    producer: float
    worker: float
    redis: float


def ids(count: int) -> list[str]:
    return [uuid.uuid4().hex for _ in range(count)]


async def submit(redis_url: str, jobs: list[tuple[str, bytes]]) -> None:
    """Submit jobs as the proxy does, through its `JobQueue`, SUBMITTERS at a time."""
    queue = JobQueue(Settings(redis_url=redis_url, max_queued_jobs=MAX_QUEUED_JOBS))
    group_submits(queue)
    left = iter(jobs)

    async def hand_in() -> None:
        for job_id, image in left:
            await queue.submit(job_id, image)

    async with queue.redis:
        await asyncio.gather(*(hand_in() for _ in range(SUBMITTERS)))


def spans(environment: Environment, job_ids: list[str]) -> tuple[float, float]:
    """Return when the first of these jobs was claimed and the last one finished, in seconds of Redis's clock."""
    pipeline = environment.redis.pipeline(transaction=False)
    for job_id in job_ids:
        pipeline.hmget(job_id + RECORD, "status", "started_at", "finished_at")
    records = pipeline.execute()
    assert all(status == b"done" for status, _, _ in records), "not every job was done"
    starts, ends = [int(start) for _, start, _ in records], [int(end) for _, _, end in records]
    return min(starts) / 1000, max(ends) / 1000


def ours(environment: Environment, count: int, batch_size: int, image: bytes) -> Side:
    """Fill the pattern's queue, then let its worker drain it."""
    environment.empty()
    job_ids = ids(count)
    cpu, started = time.process_time(), time.perf_counter()
    asyncio.run(submit(environment.redis_url, [(job_id, image) for job_id in job_ids]))
    produced, producer = time.perf_counter() - started, time.process_time() - cpu
    redis_before, file = environment.redis_cpu(), environment.folder / "cpu"
    file.unlink(missing_ok=True)
    env = {"WORKER_PROCESSES": 1, "BATCH_SIZE": batch_size, CPU_FILE: file}
    worker = environment.start("worker", ["benchmarks.asynchronous.stubbed_worker", "--burst"], **env)
    assert worker.wait(300) == 0, "the worker failed"
    redis_used = environment.redis_cpu() - redis_before
    environment.stop(worker)
    first, last = spans(environment, job_ids)
    cpu_first, cpu_last = CPU_TIMES.unpack(file.read_bytes())
    counted = max(1, count - batch_size)  # between the first batch's prediction and the last one's
    cpus = producer / count, (cpu_last - cpu_first) / counted, redis_used / count
    return Side(count / produced, count / max(last - first, 0.001), *(1000 * cpu for cpu in cpus))


def chunks(all_of: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(all_of)
    while chunk := list(islice(left, size)):
        yield chunk


def minimal(environment: Environment, count: int, batch_size: int, image: bytes) -> Side:
    """Fill and drain the queue of the minimal loop."""
    environment.empty()
    baseline.prepare(environment.redis)
    cpu, started = time.process_time(), time.perf_counter()
    for chunk in chunks(ids(count), PIPELINE):
        baseline.produce(environment.redis, chunk, image)
    produced, producer = time.perf_counter() - started, time.process_time() - cpu
    redis_before = environment.redis_cpu()
    consumer = environment.start(
        "minimal", ["benchmarks.asynchronous.baseline", environment.redis_url, str(count), str(batch_size)]
    )
    assert consumer.wait(300) == 0, "the minimal loop failed"
    redis_used = environment.redis_cpu() - redis_before
    environment.stop(consumer)
    spent = json.loads(consumer.log.read_text().splitlines()[-1])
    cpus = producer, spent["cpu"], redis_used
    return Side(count / produced, count / spent["seconds"], *(1000 * cpu / count for cpu in cpus))


def _figures(both: Sequence[tuple[Side, Side]], batch_size: int) -> list[Figure]:
    def figure(name: str, unit: str, field: str, bar: float | None = None) -> Figure:
        ours, limit = ([getattr(side, field) for side in sides] for sides in zip(*both, strict=True))
        return Figure(name, unit, ours, limit, bar)

    drain = [
        figure(f"drain, batches of {batch_size}", "jobs/s", "drained", 0.6 if batch_size == 64 else 0.4),
        figure(f"worker's CPU, batches of {batch_size}", "s/1,000 jobs", "worker"),
        figure(f"Redis's CPU, batches of {batch_size}", "s/1,000 jobs", "redis"),
    ]
    if batch_size != 64:  # submitting does not depend on the batch size
        return drain
    submitted = f"submit, {SUBMITTERS} at a time"
    return [*drain, figure(submitted, "jobs/s", "produced"), figure("submitter's CPU", "s/1,000 jobs", "producer")]


def compare(environment: Environment, plan: Plan) -> list[Figure]:
    """Fill and drain the queue in turn with both, at the same batch size; 32 is the pattern's default."""
    image, figures = png(), []
    for batch_size in (64, 32):
        rounds = range(plan.rounds)
        sides = plan.jobs, batch_size, image
        figures += _figures([(ours(environment, *sides), minimal(environment, *sides)) for _ in rounds], batch_size)
    environment.empty()
    return figures
