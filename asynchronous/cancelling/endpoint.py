"""`DELETE /job/{job_id}`: `step.lua` cancels the job."""

import re

from fastapi import APIRouter, FastAPI

from ..api import JobUnknown, Queue
from ..errors import RedisAway, ServiceError, documented

router = APIRouter()


class NotPending(ServiceError):
    """The job runs or has ended, and stays as it is."""

    status = 409


def add_cancelling(app: FastAPI) -> None:
    """Add the endpoint."""
    app.include_router(router)


@router.delete("/job/{job_id}", status_code=204, responses=documented(JobUnknown, NotPending, RedisAway))
async def cancel(job_id: str, queue: Queue) -> None:
    """Cancel a job that is pending. The answer is the same if the request, or a step in Redis, is repeated."""
    known = re.fullmatch("[0-9a-f]{32}", job_id)
    state = (await queue.run("cancel", job_id, jobs=[job_id])).decode() if known else ""
    if not state:
        raise JobUnknown("job_id: unknown, or its result's lifetime is over")
    if state not in ("pending", "cancelled"):
        raise NotPending(f"job_id: is {state}, and only a pending job can be cancelled")
