"""The proxy: it accepts an image, answers with a job id at once, and reports later what became of the job."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from . import api, errors
from .background.registration import add_background  # optional: background
from .compatibility.any_client import add_any_client  # optional: compatibility
from .docs.pages import replace_docs  # optional: docs
from .idempotency.keyed_submit import add_keys  # optional: idempotency
from .job_queue import JobQueue
from .model_info.endpoints import add_model_info  # optional: model_info
from .page.files import add_page  # optional: page
from .server.rules import add_server_rules  # optional: server
from .settings import load_settings
from .telemetry.metrics import add_metrics  # optional: telemetry
from .throughput.grouped_submit import add_grouped_submit  # optional: throughput
from .uploads.formats import add_formats  # optional: uploads
from .waiting.events import add_events  # optional: waiting


def create_app() -> FastAPI:
    """Build the proxy from the environment's settings. The optional parts may be added in any order."""
    settings = load_settings()
    app = FastAPI(title="Asynchronous prediction", lifespan=_lifespan)
    app.state.queue = JobQueue(settings)
    app.state.checks = [app.state.queue.ping]  # awaited by /ready; each raises a ServiceError if it fails
    app.state.contexts = []  # functions of the app that return an async context, which lasts while the app runs
    app.state.at_stop = []  # functions that are called when the server is told to stop; see server/
    app.include_router(api.router)
    errors.add_handlers(app)
    add_any_client(app)  # optional: compatibility
    add_background(app)  # optional: background
    add_events(app)  # optional: waiting
    replace_docs(app)  # optional: docs
    add_formats(app)  # optional: uploads
    add_grouped_submit(app)  # optional: throughput
    add_keys(app)  # optional: idempotency
    add_metrics(app)  # optional: telemetry
    add_model_info(app)  # optional: model_info
    add_page(app)  # optional: page
    add_server_rules(app)  # optional: server
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(app.state.queue.redis.aclose)
        for context in app.state.contexts:
            await stack.enter_async_context(context(app))
        yield
