"""The outcomes of a chaos run's jobs: what was promised, what was observed, and which promises were broken."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import httpx

ENDS = ("done", "failed", "expired", "cancelled")


class Outcome(NamedTuple):
    """A job's state at one moment, from Redis or from the proxy."""

    status: str
    label: str = ""
    reason: str = ""
    finished_at: int = 0  # milliseconds since 1970

    @classmethod
    def of_record(cls, record: Mapping[str, str]) -> "Outcome":
        """Read a job's hash in Redis."""
        label, reason = record.get("label", ""), record.get("reason", "")
        return cls(record.get("status", "unknown"), label, reason, int(record.get("finished_at", 0)))

    @classmethod
    def of_answer(cls, answer: httpx.Response) -> "Outcome | None":
        """Read the answer of `GET /job/{job_id}`; return None for a 503."""
        if answer.status_code == 503:
            return None
        assert answer.status_code in (200, 202, 404, 410), f"{answer.status_code} {answer.text}"
        return cls.of_job(answer.json())

    @classmethod
    def of_job(cls, fields: Mapping[str, object]) -> "Outcome":
        """Read a job as the proxy answers it, and as a callback contains it."""
        job = {name: str(value) for name, value in fields.items()}
        if "finished_at" in job:
            job["finished_at"] = str(round(datetime.fromisoformat(job["finished_at"]).timestamp() * 1000))
        return cls.of_record(job)


class Outcomes:
    """All clients write to it concurrently; each call changes one set or dictionary."""

    def __init__(self) -> None:
        self.promised: dict[str, str] = {}  # the accepted jobs, and the label that the model has for each image
        self._seen: dict[str, set[Outcome]] = {}
        self.to_cancel: set[str] = set()  # the jobs that a client has tried to cancel
        self.cancelled: set[str] = set()  # those with an answer of 204, which is a promise as well

    def accept(self, job_id: str, label: str) -> None:
        self._seen[job_id] = set()
        self.promised[job_id] = label

    def add(self, job_id: str, outcome: Outcome, *, last: bool = False) -> None:
        """Record a terminal state or an unknown job; with `last`, record an open job as well."""
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
            uncancelled = job_id in self.cancelled and any(outcome.status != "cancelled" for outcome in seen)
            found["changed"] += len(seen) > 1 or uncancelled
            unasked = job_id not in self.to_cancel and any(outcome.status == "cancelled" for outcome in seen)
            found["wrong"] += unasked or any(_is_wrong(outcome, label) for outcome in seen)
        return {name: found[name] for name in (*ENDS, "lost", "changed", "wrong")}


def _is_wrong(outcome: Outcome, label: str) -> bool:
    """Return whether this outcome is wrong. All images are valid, so a job may fail only by its attempts."""
    given_up = outcome.reason.startswith("given up after 3 attempts")
    return (outcome.status == "done" and outcome.label != label) or (outcome.status == "failed" and not given_up)


@dataclass(frozen=True)
class Report:
    """How many jobs had which terminal state, how many promises were broken, and what was done to break them."""

    jobs: int
    kills: int
    done: int
    failed: int
    expired: int
    cancelled: int
    lost: int
    changed: int
    wrong: int
    delivered: int  # jobs whose end the receiver of callbacks got; `twice`: more than once
    twice: int
    never: int
    seed: int
    seconds: float
    drained_seconds: float
    attempts_more_than_one: int
    kills_by_kind: dict[str, int]
    kills_during_work: int
    unanswered_posts: int
    followed: int

    @property
    def all_kept(self) -> bool:
        """Return whether every promise was kept."""
        return not (self.lost or self.changed or self.wrong or self.expired or self.never)
