"""The proxy: it accepts an image, answers with a job id at once, and later returns the job's state and result."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from . import api, errors
from .extras import app as extras  # optional: extras
from .job_queue import JobQueue
from .settings import load_settings


def create_app() -> FastAPI:
    """Build the proxy from the environment's settings."""
    app = FastAPI(title="Asynchronous prediction", lifespan=_lifespan)
    app.state.settings = settings = load_settings()
    app.state.queue = queue = JobQueue(settings)
    app.state.submit = api.submit  # optional folders replace it
    app.state.checks = [lambda: queue.call(queue.redis.ping)]  # awaited by /ready; each may raise a ServiceError
    app.state.contexts = []  # functions that take the app and return an async context, open while the app runs
    app.include_router(api.router)
    errors.add_handlers(app)
    extras.add_to(app)  # optional: extras
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(app.state.queue.redis.aclose)
        for context in app.state.contexts:
            await stack.enter_async_context(context(app))
        yield
