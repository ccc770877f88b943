"""The proxy: it accepts an image, answers with a job id at once, and later returns the job's state and result."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from . import api, errors
from .background.registration import add_background  # optional: background
from .callbacks.endpoint import add_callbacks  # optional: callbacks
from .cancelling.endpoint import add_cancelling  # optional: cancelling
from .checks.probe import add_checks  # optional: checks
from .compatibility.any_client import add_any_client  # optional: compatibility
from .docs.pages import replace_docs  # optional: docs
from .expiry.expire import add_expiry  # optional: expiry
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
    app = FastAPI(title="Asynchronous prediction", lifespan=_lifespan)
    app.state.settings = settings = load_settings()
    app.state.queue = queue = JobQueue(settings)
    app.state.submit = app.state.submit_without_key = api.submit  # optional folders replace them
    app.state.checks = [lambda: queue.call(queue.redis.ping)]  # awaited by /ready; each may raise a ServiceError
    app.state.contexts = []  # functions that take the app and return an async context, open while the app runs
    app.state.metrics = []  # functions that return more metrics; see telemetry/
    app.state.at_stop = []  # functions that are called when the server is told to stop; see server/
    app.include_router(api.router)
    errors.add_handlers(app)
    add_background(app)  # optional: background
    add_callbacks(app)  # optional: callbacks
    add_cancelling(app)  # optional: cancelling
    add_checks(app)  # optional: checks
    add_any_client(app)  # optional: compatibility
    replace_docs(app)  # optional: docs
    add_expiry(app)  # optional: expiry
    add_keys(app)  # optional: idempotency
    add_model_info(app)  # optional: model_info
    add_page(app)  # optional: page
    add_server_rules(app)  # optional: server
    add_metrics(app)  # optional: telemetry
    add_grouped_submit(app)  # optional: throughput
    add_formats(app)  # optional: uploads
    add_events(app)  # optional: waiting
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(app.state.queue.redis.aclose)
        for context in app.state.contexts:
            await stack.enter_async_context(context(app))
        yield
