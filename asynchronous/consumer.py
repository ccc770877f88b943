"""The worker's way to the queue: claim jobs, keep their leases, finish them."""

from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, ResponseError

from .keys import GROUP, IMAGE, QUEUE, raise_if_away, steps
from .settings import Settings

MAX_BATCH_BYTES = 16 * 2**20  # a batch that holds this much is full, however few its images


@dataclass(frozen=True)
class Claim:
    """A job in hand. One that was in hand before (`again`) always comes alone."""

    job_id: str
    image: bytes
    again: bool


@dataclass(frozen=True)
class Result:
    """What becomes of a claimed job: a label and its probability, or the reason why the model refused the image."""

    label: str = ""
    probability: float = 0.0
    refused: str = ""


class Consumer:
    """One worker process as Redis knows it. Every method may raise one of REDIS_AWAY."""

    def __init__(self, settings: Settings, name: str) -> None:
        # No silent retries: a claim whose reply was lost must be given back before the next one.
        self._redis = redis.Redis.from_url(settings.redis_url, retry=redis.retry.Retry(NoBackoff(), 0))
        self._script = self._redis.register_script(steps(settings))
        self._name, self._batch_size = name, settings.batch_size

    def _run(self, step: str, *args: str | float | bytes) -> Any:
        try:
            return self._script(args=[step, *args])
        except ReadOnlyError:  # demoted: a new connection may lead to its successor, this one never will
            self._redis.connection_pool.disconnect(inuse_connections=False)
            raise
        except ResponseError as error:
            raise_if_away(error)
            if not str(error).startswith("NOGROUP"):
                raise
            self._script(args=["join"])  # Redis was emptied, or nothing was in it for long
            return self._script(args=[step, *args])

    def join(self) -> None:
        """Say that this consumer is there; it makes what workers need, and drops those that left long ago."""
        self._run("join")

    def claim(self, seconds: float) -> list[Claim]:
        """Take up to BATCH_SIZE jobs, in order of arrival; wait up to `seconds` for the first one."""
        again, *jobs = self._run("claim", self._name, self._batch_size, MAX_BATCH_BYTES)
        if not jobs:
            again, *jobs = self._wait_and_claim(seconds)
        images: list[Any] = self._redis.mget([job_id + IMAGE.encode() for job_id, *_ in jobs]) if jobs else []
        found = zip(jobs, images, strict=True)  # no image: the job has ended in between
        return [Claim(job_id.decode(), image, bool(again)) for (job_id, *_), image in found if image is not None]

    def _wait_and_claim(self, seconds: float) -> Any:
        block = max(1, int(seconds * 1000))  # 0 would mean for ever
        try:
            new: Any = self._redis.xreadgroup(GROUP, self._name, {QUEUE: ">"}, count=1, block=block)
        except ResponseError as error:  # the stream went while we waited: Redis was emptied
            raise_if_away(error)
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            new = None
        if not new:
            return [0]
        [[_, [(entry, fields)]]] = new
        return self._run("claim", self._name, self._batch_size, MAX_BATCH_BYTES, entry, fields[b"job_id"])

    def finish(self, jobs: list[Claim], results: list[Result]) -> None:
        """End each job with its result and acknowledge it. A job that has ended meanwhile stays as it is."""
        flat: list[str | float] = []
        for job, result in zip(jobs, results, strict=True):
            if result.refused:
                flat += [job.job_id, "failed", result.refused, ""]
            else:
                flat += [job.job_id, "done", result.label, result.probability]
        self._run("finish", *flat)

    def give_back(self, reason: str, *, counted: bool) -> None:
        """Let go of everything this consumer has in hand; `counted` says whether that was one of the job's attempts."""
        self._run("give_back", self._name, int(counted), reason)

    def renew(self) -> None:
        self._run("renew", self._name)

    def count(self, total: str) -> None:
        self._run("count", total)

    def queue_is_empty(self) -> bool:
        """Say whether no job is queued or in flight anywhere."""
        return self._redis.xlen(QUEUE) == 0
