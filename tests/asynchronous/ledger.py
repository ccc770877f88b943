"""The books of a chaos run: what was promised, what was seen of each job since, and what that comes to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import httpx

ENDS = ("done", "failed", "expired")


class Outcome(NamedTuple):
    """What Redis or the proxy said of a job at one moment."""

    status: str
    label: str = ""
    reason: str = ""
    finished_at: int = 0  # milliseconds since 1970

    @classmethod
    def of_record(cls, record: Mapping[str, str]) -> "Outcome":
        """Read a job's hash as it is in Redis."""
        label, reason = record.get("label", ""), record.get("reason", "")
        return cls(record.get("status", "unknown"), label, reason, int(record.get("finished_at", 0)))

    @classmethod
    def of_answer(cls, answer: httpx.Response) -> "Outcome | None":
        """Read the answer of `GET /job/{job_id}`; None when it cannot be given at the moment."""
        if answer.status_code == 503:
            return None
        assert answer.status_code in (200, 202, 404, 410), f"{answer.status_code} {answer.text}"
        job = {name: str(value) for name, value in answer.json().items()}
        if "finished_at" in job:
            job["finished_at"] = str(round(datetime.fromisoformat(job["finished_at"]).timestamp() * 1000))
        return cls.of_record(job)


class Ledger:
    """Written to by all clients at once: each call changes one set or dictionary."""

    def __init__(self) -> None:
        self.promised: dict[str, str] = {}  # the accepted jobs, and the label that the model has for each image
        self._seen: dict[str, set[Outcome]] = {}

    def accept(self, job_id: str, label: str) -> None:
        self._seen[job_id] = set()
        self.promised[job_id] = label

    def saw(self, job_id: str, outcome: Outcome, *, last: bool = False) -> None:
        """Note an end, or that nobody knows the job; that it is still on its way only if this was the `last` look."""
        if last or outcome.status not in ("pending", "running"):
            self._seen[job_id].add(outcome)

    def ended(self) -> int:
        return sum(bool(self._seen[job_id]) for job_id in list(self.promised))

    def progress(self) -> str:
        return f"{len(self.promised)} jobs accepted, {self.ended()} ended"

    def verdict(self) -> dict[str, int]:
        """Count the jobs with each end, and those with which a promise was broken."""
        found: Counter[str] = Counter()
        for job_id, label in self.promised.items():
            seen = self._seen[job_id]
            found.update({outcome.status for outcome in seen})
            found["lost"] += not seen or any(outcome.status not in ENDS for outcome in seen)
            found["changed"] += len(seen) > 1
            found["wrong"] += any(_is_wrong(outcome, label) for outcome in seen)
        return {name: found[name] for name in (*ENDS, "lost", "changed", "wrong")}


def _is_wrong(outcome: Outcome, label: str) -> bool:
    """Tell whether this end was not due: every image is good, so only its attempts can have failed it."""
    given_up = outcome.reason.startswith("given up after 3 attempts")
    return (outcome.status == "done" and outcome.label != label) or (outcome.status == "failed" and not given_up)


@dataclass(frozen=True)
class Report:
    """How many jobs had which end, how many promises were broken, and how hard it was tried."""

    jobs: int
    kills: int
    done: int
    failed: int
    expired: int
    lost: int
    changed: int
    wrong: int
    seed: int
    seconds: float
    drained_seconds: float
    attempts_more_than_one: int
    kills_by_kind: dict[str, int]
    kills_in_the_midst_of_work: int
    unanswered_posts: int
    followed_to_the_end: int

    @property
    def all_kept(self) -> bool:
        """Tell whether every promise was kept."""
        return not (self.lost or self.changed or self.wrong or self.expired)
