"""The proxy: takes an image, answers with a job id at once, and says later what became of the job."""

import logging
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from . import errors, metrics
from .images import image_from
from .job_queue import JobQueue, QueueFull
from .keys import REDIS_AWAY
from .manifest import ManifestMissing, read_manifest
from .schemas import Accepted, ExpiredJob, Health, Job, Labels, Metadata, PredictRequest
from .settings import Settings, load_settings

log = logging.getLogger(__name__)
router = APIRouter()

TEST_IMAGE = Path(__file__).with_name("test_image.png")

_FILE = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"application/json": {"schema": PredictRequest.model_json_schema()}, "image/*": _FILE}


def create_app() -> FastAPI:
    """Build the proxy from the environment's settings."""
    settings = load_settings()
    try:
        metadata, labels = read_manifest(settings.model_dir, settings.model_version)
    except ManifestMissing as error:
        raise SystemExit(f"MODEL_DIR: {error}") from None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with app.state.queue.listening():
            yield

    app = FastAPI(title="Asynchronous prediction", version=str(metadata.version), lifespan=lifespan)
    app.state.settings, app.state.queue = settings, JobQueue(settings)
    app.state.metadata, app.state.labels = metadata, labels
    app.include_router(router)
    errors.add_handlers(app)
    return app


def _queue(request: Request) -> JobQueue:
    queue: JobQueue = request.app.state.queue
    return queue


Queue = Annotated[JobQueue, Depends(_queue)]
Wait = Annotated[float, Query(ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for the job's end.")]


@router.post(
    "/predict",
    status_code=202,
    response_model=Accepted,
    openapi_extra={"requestBody": {"required": True, "content": _BODY}},
    responses=errors.documented(413, 415, 422, 503),
)
async def predict(request: Request, queue: Queue, tasks: BackgroundTasks) -> Response:
    """Accept one image, as base64 in JSON or as the raw body."""
    return await _accept(await image_from(request), request.app.state.settings, queue, tasks)


@router.get("/predict/test", status_code=202, response_model=Accepted, responses=errors.documented(503))
async def predict_test(request: Request, queue: Queue, tasks: BackgroundTasks) -> Response:
    """Accept the image of a digit that comes with this program."""
    return await _accept(TEST_IMAGE.read_bytes(), request.app.state.settings, queue, tasks)


async def _accept(image: bytes, settings: Settings, queue: JobQueue, tasks: BackgroundTasks) -> Response:
    job_id = uuid.uuid4().hex
    if settings.register_jobs == "background":
        tasks.add_task(_register, queue, job_id, image)
    else:
        await queue.submit(job_id, image)
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
    found = await queue.wait(job_id, wait) if re.fullmatch("[0-9a-f]{32}", job_id) else None
    if found is None:
        raise errors.JobUnknown
    answer = found.model_dump(mode="json", exclude_none=True)
    if found.status == "expired":
        return JSONResponse(answer | {"detail": f"job_id: expired, {found.reason}"}, 410)
    return JSONResponse(answer, 200 if found.ended else 202)


@router.get("/metadata")
async def metadata(request: Request) -> Metadata:
    """The served model's signature, from its manifest."""
    found: Metadata = request.app.state.metadata
    return found


@router.get("/label")
async def label(request: Request) -> Labels:
    """The labels the model can answer with."""
    found: Labels = request.app.state.labels
    return found


@router.get("/health")
async def health() -> Health:
    """This process lives."""
    return Health()


@router.get("/ready", responses=errors.documented(503))
async def ready(queue: Queue) -> Health:
    """Jobs can be accepted now: Redis answers."""
    await queue.ping()
    return Health()


@router.get("/metrics", response_class=Response, responses=errors.documented(503))
async def prometheus(queue: Queue) -> Response:
    """The queue's figures for Prometheus. They live in Redis, the same from each proxy: do not add them up."""
    return Response(metrics.render(await queue.stats()), media_type=metrics.CONTENT_TYPE)
