# /// script
# requires-python = ">=3.11"
# dependencies = ["rq==3.0.0", "redis==8.1.0", "hiredis==3.5.0"]
# ///
"""RQ: `python with_rq.py fill JOBS IMAGE`, `work`, or `read` the last results.

`SimpleWorker` works in its own process, which its notes on performance recommend for jobs of few milliseconds only. RQ
moves a job into the registry of started jobs and out of it after the work.
"""

import os
import sys

from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from work import answer

IDS, FILL = os.environ["IDS_FILE"], 64
connection = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue(connection=connection)


def fill(jobs: int, image: bytes) -> None:
    with open(IDS, "w") as ids:
        for start in range(0, jobs, FILL):
            data = [Queue.prepare_data(answer, (image,), result_ttl=3600)] * min(FILL, jobs - start)
            for job in queue.enqueue_many(data):
                print(job.id, file=ids)


def main(command: str, jobs: str = "", image: str = "") -> None:
    if command == "fill":
        with open(image, "rb") as file:
            fill(int(jobs), file.read())
    elif command == "read":
        with open(IDS) as ids:
            for job_id in ids.read().split()[-10:]:
                assert Job.fetch(job_id, connection).return_value(refresh=True)["label"] == "7", job_id
    else:
        SimpleWorker([queue], connection=connection, log_job_description=False).work(logging_level="WARNING")


if __name__ == "__main__":
    main(*sys.argv[1:])
