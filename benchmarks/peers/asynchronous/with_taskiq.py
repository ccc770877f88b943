# /// script
# requires-python = ">=3.11"
# dependencies = ["taskiq==0.13.0", "taskiq-redis==1.2.4", "redis==8.1.0", "hiredis==3.5.0"]
# ///
"""taskiq: `python with_taskiq.py fill JOBS IMAGE`, `work`, or `read` the last results.

`RedisStreamBroker` is its broker with acknowledgements, here after the result is stored. One worker process, its
default of 100 jobs at a time. Its messages are JSON, so the image is sent as base64.
"""

import asyncio
import base64
import os
import sys

from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker
from work import answer

IDS, URL = os.environ["IDS_FILE"], os.environ["REDIS_URL"]
results = RedisAsyncResultBackend(URL, result_ex_time=3600)
broker = RedisStreamBroker(URL).with_result_backend(results)


@broker.task(task_name="predict")
async def predict(image: str) -> dict[str, object]:
    return answer(base64.b64decode(image))


async def fill(jobs: int, image: bytes) -> None:
    await broker.startup()
    with open(IDS, "w") as ids:  # noqa: ASYNC230
        for _ in range(jobs):
            print((await predict.kiq(base64.b64encode(image).decode())).task_id, file=ids)
    await broker.shutdown()


async def read() -> None:
    await broker.startup()
    with open(IDS) as ids:  # noqa: ASYNC230
        for job_id in ids.read().split()[-10:]:
            assert (await results.get_result(job_id)).return_value["label"] == "7", job_id
    await broker.shutdown()


def main(command: str, jobs: str = "", image: str = "") -> None:
    if command == "fill":
        with open(image, "rb") as file:
            asyncio.run(fill(int(jobs), file.read()))
    elif command == "read":
        asyncio.run(read())
    else:
        argv = ["-m", "taskiq", "worker", "--workers", "1", "--ack-type", "when_saved", "--log-level", "WARNING"]
        os.execv(sys.executable, [sys.executable, *argv, "with_taskiq:broker"])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
