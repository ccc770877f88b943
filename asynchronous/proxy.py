"""The proxy: takes an image, answers with a job id at once, and says later what became of the job."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from . import errors, jobs, metrics
from .job_queue import JobQueue
from .jobs import Queue
from .manifest import ManifestMissing, read_manifest
from .page import add_page
from .schemas import Health, Labels, Metadata
from .settings import load_settings
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
        _at_stop(app.state.queue.let_go)
        async with app.state.queue.listening():
            yield

    app = FastAPI(title="Asynchronous prediction", version=str(metadata.version), lifespan=lifespan)
    app.state.settings, app.state.queue, app.state.uploads = settings, JobQueue(settings), Uploads()
    app.state.metadata, app.state.labels = metadata, labels
    app.include_router(jobs.router)
    app.include_router(router)
    errors.add_handlers(app)
    add_page(app)
    return app


def _at_stop(call: Callable[[], None]) -> None:
    """Make SIGTERM and SIGINT do `call` too: uvicorn tells the app of its end only when all requests are answered."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(name)

        def stop(number: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(call)
            before(number, frame)

        if callable(before) and threading.current_thread() is threading.main_thread():  # a test client's is not
            signal.signal(name, stop)


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
