"""The application: settings, the model's manifest, the database, the routes."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from starlette.middleware import Middleware

from ..artifact import open_artifact
from ..database import connect
from ..embedded import readers  # optional: embedded
from ..errors import exit_in_one_line
from ..feed.api import router as feed_router  # optional: feed
from ..keys import add_post  # optional: keys
from ..migrate.schema import upgrade_embedded
from ..page.app import add_page  # optional: page
from ..settings import Settings
from ..wide import fit_inserts  # optional: wide
from . import queries
from .any_client import add_any_client
from .api import router
from .body import manifest_reader
from .errors import add_error_handler
from .metrics import CountRequests, Table
from .pages import front, replace_docs
from .unread_body import DiscardUnreadBody


def create_app() -> FastAPI:
    """Return the service that the environment describes; the database need not be reachable yet."""
    with exit_in_one_line(end_on_sigterm=False):  # the server handles it
        settings = Settings()
        for name in ("uvicorn", "uvicorn.access"):  # their lines go where all lines go, in the same format
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
        artifact = open_artifact(settings.model_dir, settings.model_version)
        engine = connect(settings)
        upgrade_embedded(engine)
    return build_app(artifact.manifest | {"version": artifact.version}, engine)  # the number that the job writes


def build_app(manifest: dict[str, Any], engine: Engine) -> FastAPI:
    """Return the service for one model's manifest and one database."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        engine.dispose()

    reading = engine
    reading = readers(engine)  # optional: embedded
    registry = CollectorRegistry()
    registry.register(Table(reading))
    outermost_first = [Middleware(DiscardUnreadBody), Middleware(CountRequests, registry)]
    app = FastAPI(
        title="batch",
        summary="Rows of the table, and new rows for the job to predict",
        version=str(manifest["version"]),
        lifespan=lifespan,
        middleware=outermost_first,
    )
    app.state.manifest, app.state.registry = manifest, registry
    app.state.read_row = manifest_reader(manifest)
    app.state.engine, app.state.readers = engine, reading
    app.state.schema_checked, app.state.add = False, queries.add
    app.state.add = add_post  # optional: keys
    app.state.add = fit_inserts(app.state.add)  # optional: wide
    app.include_router(router)
    add_any_client(app)
    app.include_router(front)
    replace_docs(app)
    app.include_router(feed_router)  # optional: feed
    add_page(app)  # optional: page
    add_error_handler(app)
    return app
