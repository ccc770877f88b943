"""The worker's side of the queue: claim jobs, renew their leases, finish or release them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, ResponseError

from .keys import GROUP, IMAGE, QUEUE, is_away, script
from .settings import Settings

MAX_BATCH_BYTES = 16 * 2**20  # a batch of this size is full, however few its images


@dataclass(frozen=True)
class Claim:
    """A claimed job. A job whose lease had lapsed (`retried`) always comes alone."""

    job_id: str
    image: bytes
    retried: bool


@dataclass(frozen=True)
class Result:
    """The result of a claimed job: a label and its probability, or the reason why the model refused the image."""

    label: str = ""
    probability: float = 0.0
    refused: str = ""


class Consumer:
    """One worker process, as Redis knows it. Every method may raise one of REDIS_AWAY."""

    def __init__(self, settings: Settings, name: str) -> None:
        # No retries in the client: jobs of a claim whose reply was lost must be released before the next claim.
        self._redis = redis.Redis.from_url(settings.redis_url, retry=redis.retry.Retry(NoBackoff(), 0))
        self._script = self._redis.register_script(script(settings))
        self._name, self._batch_size = name, settings.batch_size

    def _run(self, step: str, *args: str | float | bytes) -> Any:
        return self._call(lambda: self._script(args=[step, *args]))

    def _call(self, command: Callable[[], Any]) -> Any:
        try:
            return command()
        except ResponseError as error:
            if isinstance(error, ReadOnlyError):  # demoted: only a new connection can reach its successor
                self._redis.connection_pool.disconnect(inuse_connections=False)
            if is_away(error):
                raise redis.ConnectionError(str(error)) from error
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            self._script(args=["join"])  # Redis was emptied, or the queue was empty for long
            return command()

    def join(self, *, restarted: bool = False) -> None:
        self._run("join", int(restarted))

    def claim(self, seconds: float) -> list[Claim]:
        """Claim up to BATCH_SIZE jobs, in order of arrival; wait up to `seconds` for the first one."""
        retried, *jobs = self._run("claim", self._name, self._batch_size, MAX_BATCH_BYTES)
        if not jobs:
            retried, *jobs = self._wait_and_claim(seconds)
        images: list[Any] = self._redis.mget([job_id + IMAGE.encode() for job_id, *_ in jobs]) if jobs else []
        found = zip(jobs, images, strict=True)  # no image: the job has ended since the claim
        return [Claim(job_id.decode(), image, bool(retried)) for (job_id, *_), image in found if image is not None]

    def _wait_and_claim(self, seconds: float) -> Any:
        block = max(1, int(seconds * 1000))  # 0 would mean forever
        new = self._call(lambda: self._redis.xreadgroup(GROUP, self._name, {QUEUE: ">"}, count=1, block=block))
        if not new:
            return [0]
        [[_, [(entry, fields)]]] = new
        return self._run("claim", self._name, self._batch_size, MAX_BATCH_BYTES, entry, fields[b"job_id"])

    def finish(self, jobs: list[Claim], results: list[Result]) -> None:
        """End each job with its result and acknowledge it. A job that has already ended stays as it is."""
        flat: list[str | float] = []
        for job, result in zip(jobs, results, strict=True):
            done = "done", result.label, result.probability
            flat += [job.job_id, *(("failed", result.refused, "") if result.refused else done)]
        self._run("finish", *flat)

    def release(self, reason: str, *, counted: bool) -> None:
        """Release all jobs that this consumer has claimed; if not `counted`, this attempt is not one of the job's."""
        self._run("release", self._name, int(counted), reason)

    def renew(self) -> None:
        self._run("renew", self._name)

    def queue_is_empty(self) -> bool:
        """Return whether no job is queued or in flight anywhere."""
        return self._redis.xlen(QUEUE) == 0
