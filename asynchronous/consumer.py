"""The worker's side of the queue: claim jobs, finish or release them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .connection import ERRORS, connect, explain
from .keys import GROUP, Script, milliseconds
from .settings import Settings

Entry = tuple[bytes, dict[bytes, bytes]]


@dataclass(slots=True)
class Claim:
    """A claimed job, with its entry and its times in milliseconds. A job whose lease had lapsed is claimed alone."""

    job_id: str
    entry: str
    started_at: int
    attempts: int
    expires_at: int
    retried: bool = False  # its lease had lapsed
    image: bytes = b""


@dataclass(frozen=True)
class Result:
    """The result of a claimed job: a label and its probability, or the reason why the model refused the image."""

    label: str = ""
    probability: float = 0.0
    refused: str = ""


class Consumer:
    """One worker process, as Redis knows it; it finishes or releases what it has claimed before it claims again.

    Every method may raise RedisAway, and `join` must succeed first.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self.redis, script = connect(settings), Script(settings)
        self.keys, self.script = script.keys, self.redis.register_script(script.text)
        self.name, self.lease = name, milliseconds(settings.lease)
        self.held: list[bytes] = []  # the entries that it knows to hold; some of them may have ended
        self.group = self.keys.stream, GROUP
        # An optional folder replaces these four.
        self.find_lapsed: Callable[[], list[Entry]] = self._find_lapsed
        self.fetch: Callable[[str, int, int | None], list[Entry]] = self._fetch
        self.start: Callable[[list[Entry], bool], list[Claim]] = self._start
        self.finish: Callable[[list[Claim], list[Result]], None] = self._finish

    def run(self, step: str, *args: str | float | bytes, jobs: Sequence[str] = ()) -> Any:
        """Run a step that touches only the keys of `jobs` and the keys that all jobs share."""
        return self.call(lambda: self.script(keys=self.keys.of_step(jobs), args=[step, *args]))

    def call(self, command: Callable[[], Any]) -> Any:
        """Return what `command` returns; translate Redis's errors."""
        try:
            return command()
        except ERRORS as error:
            raise explain(error) from error

    def join(self, *, restarted: bool = False) -> None:
        """Make the stream and its group, if they do not exist."""
        self.run("join", int(restarted))

    def claim(self, seconds: float, count: int) -> list[Claim]:
        """Claim up to `count` jobs, in order of arrival; wait up to `seconds` for the first one."""
        lapsed = self.find_lapsed()
        entries = lapsed or self.read(">", count, max(1, milliseconds(seconds)))  # 0 would wait forever
        jobs = self.start(entries, bool(lapsed)) if entries else []
        if gone := [job for job in jobs if job.image is None]:
            self.finish(gone, [Result(refused="its image is no longer in Redis")] * len(gone))
        return [job for job in jobs if job.image is not None]

    def _find_lapsed(self) -> list[Entry]:
        """Return one entry whose lease has lapsed, if there is one; the step that starts its job claims it.

        The job runs alone, so that an image that kills its worker harms no other job.
        """
        held = self.call(lambda: self.redis.xpending_range(*self.group, "-", "+", 1, idle=self.lease))
        if not held:
            return []
        stream, name = self.keys.stream, held[0]["message_id"]
        entries: list[Entry] = self.call(lambda: self.redis.xrange(stream, name, name))
        self.held, found = [*self.held, name], [entry for entry in entries if b"job_id" in entry[1]]
        if not found:  # somebody has deleted the entry, or added one that is not a job
            self.call(lambda: self.redis.xack(*self.group, name))
        return found

    def _start(self, entries: list[Entry], lapsed: bool) -> list[Claim]:
        """Start those jobs of these entries whose records allow it, and return them with their images."""
        found = [(fields[b"job_id"].decode(), entry.decode()) for entry, fields in entries]
        starts = self.run("start", self.name, int(lapsed), json.dumps(found), jobs=[job_id for job_id, _ in found])
        jobs = [Claim(*found[place - 1], *start) for place, *start in starts]
        names = [self.keys.image(job.job_id) for job in jobs]
        images: list[Any] = self.call(lambda: self.redis.mget(names)) if names else []
        for job, image in zip(jobs, images, strict=True):
            job.image, job.retried = image, lapsed
        return jobs

    def read(self, after: str, count: int, block: int | None = None) -> list[Entry]:
        """Return new entries (`>`), which this consumer then holds, or all that it holds (`0`)."""
        # Without entries that were deleted, or are not jobs.
        entries = [entry for entry in self.fetch(after, count, block) if b"job_id" in (entry[1] or ())]
        self.held = [name for name, _ in entries]
        return entries

    def _fetch(self, after: str, count: int, block: int | None) -> list[Entry]:
        stream, group = self.group
        read = self.call(lambda: self.redis.xreadgroup(group, self.name, {stream: after}, count=count, block=block))
        entries: list[Entry] = read[0][1] if read else []
        return entries

    def _finish(self, jobs: list[Claim], results: list[Result]) -> None:
        """End each job with its result and acknowledge it. A job that has already ended stays as it is."""
        ended = []
        for job, result in zip(jobs, results, strict=True):
            done = "done", "label", result.label, "probability", str(float(result.probability))
            end = ("failed", "reason", result.refused) if result.refused else done
            ended.append((job.job_id, job.entry, job.started_at, job.attempts, *end))
        self.run("finish", json.dumps(ended), jobs=[job.job_id for job in jobs])

    def release(self, reason: str, *, counted: bool) -> None:
        """Release all jobs that this consumer has claimed; unless `counted`, this attempt does not count."""
        self.join()  # Redis may have been emptied
        held = self.read("0", 1000)
        pairs: list[Any] = [value for entry, fields in held for value in (entry, fields[b"job_id"].decode())]
        if pairs:
            self.run("release", self.name, int(counted), reason, *pairs, jobs=pairs[1::2])

    def queue_is_empty(self) -> bool:
        """Return whether no job is queued or in flight anywhere."""
        return bool(self.call(lambda: self.redis.xlen(self.keys.stream)) == 0)
