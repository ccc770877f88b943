"""The bodies of the API's answers."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field


class Accepted(BaseModel):
    job_id: str = Field(examples=["9f0c2b1d5e6f4a7b8c9d0e1f2a3b4c5d"])
    status: Literal["pending"] = "pending"


class Job(BaseModel):
    """A job's record in Redis; absent fields are left out of the answer."""

    job_id: str
    status: Literal["pending", "running", "done", "failed", "expired", "cancelled"]
    accepted_at: datetime
    expires_at: datetime
    attempts: int = Field(description="How many times a worker has started it.")
    started_at: datetime | None = Field(None, description="When a worker last started it.")
    finished_at: datetime | None = None
    label: str | None = None
    probability: float | None = None
    reason: str | None = Field(None, description="Why it failed or expired, or why it will be tried again.")
    model: str | None = Field(None, description="The model that it is for.")
    queue: str | None = Field(None, description="The queue that it is in.")
    queue_position: int | None = Field(None, description="Upper bound of its place among the pending jobs; 1 is next.")
    replay_of: str | None = Field(None, description="The failed or expired job whose image this job was made from.")
    replayed_as: str | None = Field(None, description="The job that was made from this job's image after its end.")

    detail: str | None = Field(None, description="Names the field, if the status is 410.")

    @classmethod
    def of_record(cls, job_id: str, record: dict[str, Any]) -> Self:
        """Return the job that a record in Redis describes."""
        if record.get("status") == "pending" and "retry_reason" in record:
            record["reason"] = record["retry_reason"]
        return cls.model_validate({**record, "job_id": job_id})

    @property
    def ended(self) -> bool:
        """Return whether the state is terminal: it never changes again."""
        return self.status not in ("pending", "running")


class Health(BaseModel):
    status: Literal["ok"] = "ok"
