# /// script
# requires-python = ">=3.11"
# dependencies = ["dramatiq[redis]==2.2.1", "redis==8.1.0", "hiredis==3.5.0"]
# ///
"""Dramatiq: `python with_dramatiq.py fill JOBS IMAGE`, `work`, or `read` the last results.

Dramatiq acknowledges after the work. One process with its default of eight threads, and its encoder for Python objects,
as JSON has no bytes. A larger prefetch suits short jobs.
"""

import os
import pickle
import sys

import dramatiq
from dramatiq import PickleEncoder, set_encoder
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from work import answer

IDS = os.environ["IDS_FILE"]
set_encoder(PickleEncoder())
broker = RedisBroker(url=os.environ["REDIS_URL"])
results = RedisBackend(url=os.environ["REDIS_URL"])
broker.add_middleware(Results(backend=results, store_results=True, result_ttl=3600_000))
dramatiq.set_broker(broker)


@dramatiq.actor
def predict(image: bytes) -> dict[str, object]:
    return answer(image)


def main(command: str, jobs: str = "", image: str = "") -> None:
    if command == "fill":
        with open(image, "rb") as file, open(IDS, "wb") as ids:
            data = file.read()
            for _ in range(int(jobs)):
                last = predict.send(data)
            pickle.dump(last, ids)
    elif command == "read":
        with open(IDS, "rb") as ids:
            assert pickle.load(ids).get_result(block=True, timeout=60_000)["label"] == "7"  # noqa: S301
    else:
        os.environ["dramatiq_queue_prefetch"] = "64"  # noqa: SIM112
        argv = ["-m", "dramatiq", "with_dramatiq:broker", "--processes", "1", "--threads", "8"]
        os.execv(sys.executable, [sys.executable, *argv])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
