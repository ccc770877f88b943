"""Start a batch of new jobs without their records: `step.lua` does it."""

from ..consumer import Claim, Consumer, Entry
from ..loop import Loop
from ..settings import Settings


class QuickStart:
    """Starts the jobs of one consumer."""

    def __init__(self, consumer: Consumer, model: str) -> None:
        self._consumer, self._model, self._start_by_record = consumer, model.encode(), consumer.start

    def start(self, entries: list[Entry], holder: str) -> list[Claim]:
        """Start jobs and return those that run. What is retried, expired or for another model needs its record."""
        new = [entry for entry in entries if not holder and entry[1][b"model"] == self._model]
        jobs = [Claim(job[b"job_id"].decode(), entry.decode(), 0, 1, int(job[b"expires_at"])) for entry, job in new]
        while jobs:
            ids, first_end = [job.job_id for job in jobs], min(job.expires_at for job in jobs)
            batch = first_end, len(ids), " ".join(ids)
            now = self._consumer.run("start_new", self._consumer.name, *batch, jobs=ids[-1:])
            if now < first_end:
                break
            jobs = [job for job in jobs if now < job.expires_at]
        for job in jobs:
            job.started_at = now
        if len(jobs) < len(entries):
            running = {job.entry for job in jobs}
            jobs += self._start_by_record([entry for entry in entries if entry[0].decode() not in running], holder)
        return jobs


def start_quickly(loop: Loop, settings: Settings) -> None:
    """Replace the consumer's own way to start jobs."""
    loop.queue.start = QuickStart(loop.queue, settings.model_name).start
