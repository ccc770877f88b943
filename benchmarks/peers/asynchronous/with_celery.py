# /// script
# requires-python = ">=3.11"
# dependencies = ["celery[redis]==5.7.0", "redis==8.1.0", "hiredis==3.5.0", "msgpack==1.2.4"]
# ///
"""Celery: `python with_celery.py fill JOBS IMAGE`, `work`, or `read` the last results.

Its guide's settings for many short tasks: a large prefetch multiplier, no events. `acks_late` acknowledges after the
work, and msgpack carries bytes as they are.
"""

import os
import sys

from celery import Celery
from celery.result import AsyncResult
from work import answer

IDS = os.environ["IDS_FILE"]
app = Celery("with_celery", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=64,
    worker_concurrency=1,
    task_serializer="msgpack",
    result_serializer="msgpack",
    accept_content=["msgpack"],
    result_expires=3600,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
)


@app.task
def predict(image: bytes) -> dict[str, object]:
    return answer(image)


def main(command: str, jobs: str = "", image: str = "") -> None:
    if command == "fill":
        with open(image, "rb") as file, open(IDS, "w") as ids:
            data = file.read()
            with app.producer_pool.acquire(block=True) as producer:
                for _ in range(int(jobs)):
                    print(predict.apply_async((data,), producer=producer).id, file=ids)
    elif command == "read":
        with open(IDS) as ids:
            for job_id in ids.read().split()[-10:]:
                assert AsyncResult(job_id, app=app).get(timeout=60)["label"] == "7", job_id
    else:
        argv = ["-m", "celery", "-A", "with_celery", "worker", "--loglevel", "WARNING"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        os.execv(sys.executable, [sys.executable, *argv, *quiet])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
