"""Start a batch of new jobs without their records: `step.lua` does it."""

from ..consumer import Claim, Consumer, Entry
from ..loop import Loop
from ..settings import Settings


class QuickStart:
    """Starts the jobs of one consumer."""

    def __init__(self, consumer: Consumer, model: str) -> None:
        self._consumer, self._model, self._start_by_record = consumer, model.encode(), consumer.start

    def start(self, entries: list[Entry], lapsed: bool) -> list[Claim]:
        """Start jobs and return those that run; use their records if a job is not new, or perhaps must not run."""
        if lapsed or any(fields.get(b"model") != self._model for _, fields in entries):
            return self._start_by_record(entries, lapsed)
        ids = [fields[b"job_id"].decode() for _, fields in entries]
        ends = [int(fields[b"expires_at"]) for _, fields in entries]
        batch = min(ends), entries[0][0], entries[-1][0], len(ids), " ".join(ids)
        now = self._consumer.run("start_new", self._consumer.name, *batch, jobs=ids[-1:])
        if not now:
            return self._start_by_record(entries, lapsed)
        jobs = zip(ids, entries, ends, strict=True)
        return [Claim(job_id, entry.decode(), now, 1, end) for job_id, (entry, _), end in jobs]


def start_quickly(loop: Loop, settings: Settings) -> None:
    """Replace the consumer's own way to start jobs."""
    loop.queue.start = QuickStart(loop.queue, settings.model_name).start
