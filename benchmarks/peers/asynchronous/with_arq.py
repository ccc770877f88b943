# /// script
# requires-python = ">=3.11"
# dependencies = ["arq==0.28.0", "redis[hiredis]==5.3.1"]
# ///
"""ARQ: `python with_arq.py fill JOBS IMAGE`, `work`, or `read` the last results.

ARQ removes a job from the queue after the work. More `max_jobs` and a shorter `poll_delay` than by default shorten the
waits between short jobs.
"""

import asyncio
import os
import sys
from typing import Any

from arq import create_pool, run_worker
from arq.connections import RedisSettings
from arq.jobs import Job
from work import answer

IDS = os.environ["IDS_FILE"]
SETTINGS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def predict(_context: dict[str, Any], image: bytes) -> dict[str, object]:
    return answer(image)


class Worker:
    functions = (predict,)
    redis_settings = SETTINGS
    max_jobs = 100
    poll_delay = 0.01
    keep_result = 3600
    log_results = False


async def fill(jobs: int, image: bytes) -> None:
    pool = await create_pool(SETTINGS)
    with open(IDS, "w") as ids:  # noqa: ASYNC230
        for _ in range(jobs):
            print((await pool.enqueue_job("predict", image)).job_id, file=ids)
    await pool.aclose()


async def read() -> None:
    pool = await create_pool(SETTINGS)
    with open(IDS) as ids:  # noqa: ASYNC230
        for job_id in ids.read().split()[-10:]:
            assert (await Job(job_id, pool).result(timeout=60))["label"] == "7", job_id
    await pool.aclose()


def main(command: str, jobs: str = "", image: str = "") -> None:
    if command == "fill":
        with open(image, "rb") as file:
            asyncio.run(fill(int(jobs), file.read()))
    elif command == "read":
        asyncio.run(read())
    else:
        run_worker(Worker)


if __name__ == "__main__":
    main(*sys.argv[1:])
