"""Comparison `images`: the real model through queue and workers, against its serving program asked directly."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

from asynchronous.model import Model
from asynchronous.settings import QUEUE, Settings
from benchmarks.report import Figure
from local.demo.samples import digit_images
from local.processes import wait_until

from .environment import Environment, Plan
from .queue import chunks, ids, spans, submit

BATCH_SIZE, PROCESSES = 32, 2


def _direct(model: Model, images: Sequence[bytes]) -> float:
    """Ask in batches from two threads; return images per second."""
    batches = list(chunks(images, BATCH_SIZE))
    with ThreadPoolExecutor(PROCESSES) as threads:
        started = time.perf_counter()
        answers = list(threads.map(model.predict, batches))
        spent = time.perf_counter() - started
    assert sum(len(batch) for batch in answers) == len(images), "images without an answer"
    return len(images) / spent


def _queued(environment: Environment, images: Sequence[bytes]) -> float:
    """Fill a second database while the workers wait on the first one, then swap the two; return images per second."""
    job_ids = ids(len(images))
    aside = environment.redis_url.removesuffix("0") + "1"
    asyncio.run(submit(aside, list(zip(job_ids, images, strict=True))))
    environment.redis.swapdb(0, 1)
    wait_until(lambda: not environment.redis.xlen(QUEUE), 300, "the jobs to be done")
    first, last = spans(environment, job_ids)
    environment.empty()
    return len(images) / (last - first)


def compare(environment: Environment, plan: Plan) -> list[Figure]:
    """Send the same digits in turn through the queue and to the serving program itself."""
    target = environment.serving()
    worker = environment.start(
        "worker", ["asynchronous.worker"], WORKER_PROCESSES=PROCESSES, BATCH_SIZE=BATCH_SIZE, SERVING_GRPC=target
    )
    wait_until(
        lambda: environment.redis.info("clients")["blocked_clients"] == PROCESSES, 60, "the workers to wait for jobs"
    )
    images = list(islice(cycle([image.data for image in digit_images(360)]), plan.images))
    model = Model(Settings(serving_grpc=target))
    _direct(model, images[: 2 * BATCH_SIZE])  # connects and warms up
    rounds = [(_queued(environment, images), _direct(model, images)) for _ in range(plan.rounds)]
    environment.stop(worker)
    ours, limit = zip(*rounds, strict=True)
    return [Figure(f"digits, {PROCESSES} workers, batches of {BATCH_SIZE}", "images/s", ours, limit, at_least=0.8)]
