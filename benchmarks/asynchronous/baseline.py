"""The limit: the least that a queue on Redis Streams does. No leases, no retries, no states, no expiry of jobs.

    python -m benchmarks.asynchronous.baseline REDIS_URL JOBS BATCH_SIZE [--notify]

consumes so many jobs, prints the seconds and CPU seconds from the first read to the last job, and ends.
"""

import argparse
import json
import time
from collections.abc import Sequence

import redis

STREAM, GROUP, LIFETIME = "minimal_jobs", "minimal", 3600


def prepare(client: redis.Redis) -> None:
    client.xgroup_create(STREAM, GROUP, "0", mkstream=True)


def produce(client: redis.Redis, job_ids: Sequence[str], image: bytes) -> None:
    """Send all of these jobs in one round trip."""
    pipeline = client.pipeline(transaction=False)
    for job_id in job_ids:
        pipeline.set(f"{job_id}_image", image, ex=LIFETIME)
        pipeline.xadd(STREAM, {"job_id": job_id})
    pipeline.execute()


def consume(client: redis.Redis, batch_size: int, notify: bool) -> int:
    """Take one batch, answer every image alike, and return how many there were; `notify` wakes the producer."""
    found = client.xreadgroup(GROUP, "only", {STREAM: ">"}, count=batch_size, block=1000)
    if not found:
        return 0
    entries = found[0][1]
    job_ids = [fields[b"job_id"].decode() for _, fields in entries]
    images = client.mget([f"{job_id}_image" for job_id in job_ids])
    pipeline = client.pipeline(transaction=False)
    for job_id, label in zip(job_ids, ["7"] * len(images), strict=True):
        pipeline.set(f"{job_id}_result", label, ex=LIFETIME)
        if notify:
            pipeline.rpush(f"{job_id}_done", label)
    numbers = [number for number, _ in entries]
    pipeline.xack(STREAM, GROUP, *numbers)
    pipeline.xdel(STREAM, *numbers)
    pipeline.execute()
    return len(job_ids)


def main() -> None:
    """Consume the jobs and print how long that took; the clocks start once the client is connected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("redis_url")
    parser.add_argument("jobs", type=int)
    parser.add_argument("batch_size", type=int)
    parser.add_argument("--notify", action="store_true")
    arguments = parser.parse_args()
    client = redis.Redis.from_url(arguments.redis_url)
    client.ping()  # connecting is not measured
    started, cpu, done = time.perf_counter(), time.process_time(), 0
    while done < arguments.jobs:
        done += consume(client, arguments.batch_size, arguments.notify)
    spent = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    main()
