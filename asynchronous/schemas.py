"""What goes in and out over HTTP."""

import time
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["pending", "running", "done", "failed", "expired"]


class PredictRequest(BaseModel):
    image_data: str = Field(
        description="A JPEG, PNG, GIF or BMP file of at most 10 MiB, in base64 without line breaks."
    )


class Accepted(BaseModel):
    job_id: str = Field(examples=["9f0c2b1d5e6f4a7b8c9d0e1f2a3b4c5d"])
    status: Literal["pending"] = "pending"


class Job(BaseModel):
    """A job as its record in Redis has it; absent fields are left out of the answer."""

    model_config = ConfigDict(extra="ignore")

    job_id: str
    status: Status
    accepted_at: datetime
    expires_at: datetime
    attempts: int = Field(description="How often a worker took the job up.")
    started_at: datetime | None = Field(None, description="When a worker last took it up.")
    finished_at: datetime | None = None
    label: str | None = None
    probability: float | None = None
    reason: str | None = Field(None, description="Why it failed or expired, or why it is to be tried again.")
    queue_position: int | None = Field(None, description="Its place among the pending jobs, at most; 1 is next.")
    replay_of: str | None = Field(None, description="The failed or expired job whose image this one was made of.")
    replayed_as: str | None = Field(None, description="The job that was made of this one's image after it had ended.")

    @property
    def ended(self) -> bool:
        """A terminal state never changes again."""
        return self.status in ("done", "failed", "expired")

    def differs_from(self, other: "Job") -> bool:
        """Say whether it is in another state or another attempt."""
        return (self.status, self.attempts) != (other.status, other.attempts)

    @property
    def seconds_left(self) -> float:
        """Time until it expires; at least a second, since this clock and Redis's may differ."""
        return max(1, self.expires_at.timestamp() - time.time())


class Problem(BaseModel):
    detail: str = Field(description="Names the field and the limit.")


class ExpiredJob(Job, Problem):
    pass


class Labels(BaseModel):
    labels: list[str]


class Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    version: int
    framework: str
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
