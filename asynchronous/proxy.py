"""The proxy: takes an image, answers with a job id at once, and says later what became of the job."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request, Response

from . import errors, jobs, metrics
from .job_queue import JobQueue
from .jobs import Queue
from .manifest import ManifestMissing, read_manifest
from .page import add_page
from .schemas import Health, Labels, Metadata
from .settings import load_settings
from .stop import LastAnswers, at_stop
from .uploads import Uploads

router = APIRouter()


def create_app() -> FastAPI:
    """Build the proxy from the environment's settings."""
    settings = load_settings()
    try:
        metadata, labels = read_manifest(settings.model_dir, settings.model_version)
    except ManifestMissing as error:
        raise SystemExit(f"MODEL_DIR: {error}") from None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        at_stop(app, app.state.queue.let_go)
        async with app.state.queue.listening():
            yield

    app = FastAPI(title="Asynchronous prediction", version=str(metadata.version), lifespan=lifespan)
    app.state.settings, app.state.queue, app.state.uploads = settings, JobQueue(settings), Uploads()
    app.state.metadata, app.state.labels, app.state.stopping = metadata, labels, False
    app.add_middleware(LastAnswers)
    app.include_router(jobs.router)
    app.include_router(router)
    errors.add_handlers(app)
    add_page(app)
    return app


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
