"""What callers do: hand in an image, and ask what became of the job."""

import logging
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Header, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from . import errors
from .images import image_from
from .job_queue import JobQueue, QueueFull
from .keys import REDIS_AWAY
from .schemas import Accepted, ExpiredJob, Job, PredictRequest
from .settings import Settings
from .uploads import Uploads

log = logging.getLogger(__name__)
router = APIRouter()

TEST_IMAGE = Path(__file__).with_name("test_image.png")

_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["image"], "properties": {"image": _FILE}}
_BODY = {
    "image/*": {"schema": _FILE},
    "multipart/form-data": {"schema": _FORM},
    "application/json": {"schema": PredictRequest.model_json_schema()},
}


def queue_of(request: Request) -> JobQueue:
    queue: JobQueue = request.app.state.queue
    return queue


Queue = Annotated[JobQueue, Depends(queue_of)]
Key = Annotated[
    str,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="Names this upload: one key, one job."),
]
Wait = Annotated[float, Query(ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for the job's end.")]


@router.post(
    "/predict",
    status_code=202,
    response_model=Accepted,
    openapi_extra={"requestBody": {"required": True, "content": _BODY}},
    responses=errors.documented(408, 409, 413, 415, 422, 503),
)
async def predict(request: Request, queue: Queue, tasks: BackgroundTasks, key: Key = "") -> Response:
    """Accept one image: as the raw body, as a form's only file, or as base64 in JSON."""
    uploads: Uploads = request.app.state.uploads
    with uploads.one(request) as upload:
        return await _accept(await image_from(upload), request.app.state.settings, queue, tasks, key)


@router.get("/predict/test", status_code=202, response_model=Accepted, responses=errors.documented(503))
async def predict_test(request: Request, queue: Queue, tasks: BackgroundTasks) -> Response:
    """Accept the image of a digit that comes with this program."""
    return await _accept(TEST_IMAGE.read_bytes(), request.app.state.settings, queue, tasks)


async def _accept(image: bytes, settings: Settings, queue: JobQueue, tasks: BackgroundTasks, key: str = "") -> Response:
    job_id = uuid.uuid4().hex
    if settings.register_jobs == "background" and not key:  # only Redis knows which job a key belongs to
        tasks.add_task(_register, queue, job_id, image)
    else:
        job_id = await queue.submit(job_id, image, key)
    headers = {"Location": f"/job/{job_id}"}
    return JSONResponse({"job_id": job_id, "status": "pending"}, 202, headers, background=tasks)


async def _register(queue: JobQueue, job_id: str, image: bytes) -> None:
    """REGISTER=background: the caller has its answer already, so a failure here loses the job."""
    try:
        await queue.submit(job_id, image)
    except (QueueFull, *REDIS_AWAY) as error:
        log.error("job %s was answered with 202 and is lost: %s %s", job_id, type(error).__name__, error)


@router.get(
    "/job/{job_id}",
    response_model=Job,
    responses=errors.documented(404, 422, 503) | {202: {"model": Job}, 410: {"model": ExpiredJob}},
)
async def job(job_id: str, queue: Queue, wait: Wait = 0) -> Response:
    """Say what became of a job: 202 until it has ended, then 200 with its label or the reason why it failed."""
    found = await _find(job_id, queue, wait)
    answer = found.model_dump(mode="json", exclude_none=True)
    if found.status == "expired":
        return JSONResponse(answer | {"detail": f"job_id: expired, {found.reason}"}, 410)
    return JSONResponse(answer, 200 if found.ended else 202)


async def _find(job_id: str, queue: Queue, wait: float = 0) -> Job:
    found = await queue.wait(job_id, wait) if re.fullmatch("[0-9a-f]{32}", job_id) else None
    if found is None:
        raise errors.JobUnknown
    return found


async def _job_to_follow(job_id: str, queue: Queue, last_event_id: Annotated[str, Header()] = "") -> Job:
    found = await _find(job_id, queue)
    if found.ended and last_event_id == found.status:
        raise HTTPException(204)  # an EventSource comes back when a stream ends, and this is how it is told not to
    return found


@router.get("/job/{job_id}/events", response_class=EventSourceResponse, responses=errors.documented(204, 404, 422, 503))
async def events(queue: Queue, found: Annotated[Job, Depends(_job_to_follow)]) -> AsyncIterator[ServerSentEvent]:
    """Send the job now and at each change, as server-sent events; the stream ends with the job."""
    async for state in queue.follow(found):
        yield ServerSentEvent(data=state.model_dump(mode="json", exclude_none=True), id=state.status)
