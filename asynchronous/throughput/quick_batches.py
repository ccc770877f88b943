"""Start and end the jobs of a batch without their records (`step.lua` does it), and with fewer round trips.

The images are read together with the start of their jobs, and the next entries together with the end of a batch.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import redis
from redis.exceptions import NoScriptError

from ..consumer import Claim, Consumer, Entry, Result
from ..loop import Loop
from ..settings import Settings


class QuickBatches:
    """Starts and ends the jobs of one consumer, and reads up to `ahead()` new entries when a batch has ended."""

    def __init__(self, consumer: Consumer, settings: Settings, ahead: Callable[[], int] = lambda: 0) -> None:
        self._consumer, self._model = consumer, settings.model_name.encode()
        self._ahead, self._entries = ahead, list[Entry]()
        self._some_lapsed = False  # when the last batch ended
        self._lost_reply = False  # it may have contained entries
        self._find_lapsed, self._fetch = consumer.find_lapsed, consumer.fetch
        self._start_by_record, self._finish_by_record = consumer.start, consumer.finish
        consumer.find_lapsed, consumer.fetch = self.find_lapsed, self.fetch
        consumer.start, consumer.finish = self.start, self.finish

    def find_lapsed(self) -> list[Entry]:
        """Return an entry whose lease has lapsed, unless entries were read ahead; their batch comes first."""
        return [] if self._entries else self._find_lapsed()

    def fetch(self, after: str, count: int, block: int | None) -> list[Entry]:
        """Return the entries that were read ahead, or read entries now."""
        entries, self._entries = self._entries, []
        return entries if entries and after == ">" else self._fetch(after, count, block)

    def start(self, entries: list[Entry], lapsed: bool) -> list[Claim]:
        """Start jobs and return those that run; use their records if a job is not new, or perhaps must not run."""
        if lapsed or any(fields.get(b"model") != self._model for _, fields in entries):
            return self._start_by_record(entries, lapsed)
        ids = [fields[b"job_id"].decode() for _, fields in entries]
        ends = [int(fields[b"expires_at"]) for _, fields in entries]
        names = [self._consumer.keys.image(job_id) for job_id in ids]
        batch = "start_new", self._consumer.name, min(ends), len(ids), " ".join(ids)
        now, images = self._run(ids[-1:], batch, lambda client: client.mget(names))
        if not now:
            return self._start_by_record(entries, lapsed)
        jobs = zip(ids, entries, ends, images, strict=True)
        return [Claim(job_id, entry.decode(), now, 1, end, image=image) for job_id, (entry, _), end, image in jobs]

    def finish(self, jobs: list[Claim], results: list[Result]) -> None:
        """End jobs; use their records if the consumer has lost a lease, or a job has expired."""
        first_end, started_at, ended = min(job.expires_at for job in jobs), jobs[0].started_at, list[str]()
        for job, result in zip(jobs, results, strict=True):
            probability = str(float(result.probability))
            ended += [job.job_id, job.entry, str(job.attempts), result.label, probability, result.refused]
        # One JSON string takes the client less time to send than many arguments.
        batch = "finish_held", self._consumer.name, first_end, started_at, json.dumps(ended)
        reads_ahead = not (self._lost_reply or self._some_lapsed or len(self._consumer.held) > len(jobs))
        count, self._some_lapsed = self._ahead() if reads_ahead else 0, False
        if not self._finish([job.job_id for job in jobs], batch, count):
            self._finish_by_record(jobs, results)
        if self._lost_reply:
            self._consumer.release("Redis went away", counted=False)
            self._lost_reply = False

    def _finish(self, ids: list[str], batch: tuple[Any, ...], count: int) -> Any:
        """Run the step that ends a batch, and read up to `count` entries of the next one."""
        if not count:
            [ended] = self._run(ids, batch)
            return ended
        (stream, group), name = self._consumer.group, self._consumer.name
        self._lost_reply = True
        ended, lapsed, read = self._run(
            ids,
            batch,
            lambda client: client.xpending_range(stream, group, "-", "+", 1, idle=self._consumer.lease),
            lambda client: client.xreadgroup(group, name, {stream: ">"}, count=count),
        )
        self._lost_reply, self._some_lapsed, self._entries = False, bool(lapsed), read[0][1] if read else []
        self._consumer.held = [entry for entry, _ in self._entries]
        return ended

    def _run(self, jobs: list[str], step: tuple[Any, ...], *commands: Callable[[Any], Any]) -> list[Any]:
        """Return the answers of a step and of the commands that follow it; None if Redis does not know the script."""
        consumer, client = self._consumer, self._consumer.redis
        if not isinstance(client, redis.Redis):  # the client of a cluster cannot send a script with other commands
            return [consumer.run(*step, jobs=jobs), *(consumer.call(partial(command, client)) for command in commands)]
        keys, pipeline = consumer.keys.of_step(jobs), client.pipeline(transaction=False)
        pipeline.evalsha(consumer.script.sha, len(keys), *keys, *step)
        for command in commands:
            command(pipeline)
        answers: list[Any] = consumer.call(lambda: _execute(pipeline))
        return answers


def _execute(pipeline: Any) -> list[Any]:
    answers: list[Any] = pipeline.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, NoScriptError):
            raise answer
    return [None if isinstance(answer, NoScriptError) else answer for answer in answers]


def skip_records(loop: Loop, settings: Settings) -> None:
    """Let `loop` start and end batches without records, and read ahead until the parent says stop."""
    QuickBatches(loop.queue, settings, lambda: 0 if loop.stopping.value else loop.batch_size())
