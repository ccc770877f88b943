"""The endpoints: accept an image, and return the state and result of its job."""

import re
import uuid
from typing import Annotated, cast

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from .errors import InvalidValue, RedisAway, ServiceError, documented
from .job_queue import JobQueue, QueueFull
from .schemas import Accepted, Health, Job

router = APIRouter()

MAX_IMAGE_BYTES = 10 * 2**20
IMAGE_BODY = {"image/*": {"schema": {"type": "string", "format": "binary"}}}


class ImageTooLarge(ServiceError):
    """The image is too large."""

    status = 413


class JobUnknown(ServiceError):
    """The job was never accepted, or was deleted RESULT_LIFETIME after its end."""

    status = 404


async def job_queue(request: Request) -> JobQueue:
    return cast(JobQueue, request.app.state.queue)


async def read_image(request: Request) -> bytes:
    """Return the request's raw body, which only the model decodes. An optional folder may override this function."""
    image = bytearray()
    async for chunk in request.stream():  # FastAPI's own `max_body_size` does not name the limit in its 413
        image += chunk
        if len(image) > MAX_IMAGE_BYTES:
            raise ImageTooLarge(f"image: at most {MAX_IMAGE_BYTES} bytes")
    if not image:
        raise InvalidValue("image: is empty")
    return bytes(image)


async def submit(request: Request, image: bytes, _: BackgroundTasks) -> str:
    """Submit a job and return its id."""
    queue = await job_queue(request)
    return await queue.submit(uuid.uuid4().hex, image, getattr(request.state, "fields", ""))


Image = Annotated[bytes, Depends(read_image)]
Queue = Annotated[JobQueue, Depends(job_queue)]
Wait = Annotated[float, Query(ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for the job's end.")]


@router.post(
    "/predict",
    status_code=202,
    openapi_extra={"requestBody": {"required": True, "content": IMAGE_BODY}},
    responses=documented(ImageTooLarge, InvalidValue, QueueFull, RedisAway),
)
async def predict(request: Request, image: Image, tasks: BackgroundTasks, response: Response) -> Accepted:
    """Accept one image, and answer with the id of its job."""
    job_id: str = await request.app.state.submit(request, image, tasks)
    response.headers["Location"] = f"{request.scope.get('root_path', '')}/job/{job_id}"
    return Accepted(job_id=job_id)


async def find_job(job_id: str, queue: JobQueue, wait: float = 0) -> Job:
    """Return the job as soon as it has ended, else as it is after `wait` seconds."""
    found = await queue.wait(job_id, wait) if re.fullmatch("[0-9a-f]{32}", job_id) else None
    if found is None:
        raise JobUnknown("job_id: unknown, or its result's lifetime is over")
    return found


@router.get(
    "/job/{job_id}",
    response_model=Job,
    responses=documented(JobUnknown, InvalidValue, RedisAway) | {202: {"model": Job}, 410: {"model": Job}},
)
async def job(job_id: str, queue: Queue, wait: Wait = 0) -> Response:
    """Return a job: with 202 until it has ended, then with 200 and its label or the reason why it failed."""
    found = await find_job(job_id, queue, wait)
    status = 200 if found.ended else 202
    if found.status == "expired":
        status, found.detail = 410, f"job_id: expired, {found.reason}"
    return JSONResponse(found.model_dump(mode="json", exclude_none=True), status)


@router.get("/health")
async def health() -> Health:
    """Answer while this process is alive."""
    return Health()


@router.get("/ready", responses=documented(RedisAway))
async def ready(request: Request) -> Health:
    """Answer while jobs can be accepted. Whether the queue is full is not checked."""
    for check in request.app.state.checks:
        await check()
    return Health()
