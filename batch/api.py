"""The read API: stored rows page by page, and new rows in. It predicts nothing; that is the job's work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from . import queries, schema, settings
from .artifact import open_artifact
from .database import connect, readers
from .exits import one_line
from .metrics import Table
from .schemas import MAX_BODY_BYTES, MAX_ID, MAX_PAGE, AddedRows, Labels, NewRows, Page, Problem, Status, wrong_width
from .tables import State
from .web import add_error_handlers, count_requests, read_rows

After = Annotated[int, Query(ge=0, le=MAX_ID, description="Only rows with a greater id.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows in the answer at most.")]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "A field is missing, of the wrong type or beyond its limit"},
    503: {"model": Problem, "description": "The database cannot serve now"},
}
TOO_LARGE = {"model": Problem, "description": f"The body has more than {MAX_BODY_BYTES} bytes"}
NEW_ROWS = {"requestBody": {"required": True, "content": {"application/json": {"schema": NewRows.model_json_schema()}}}}


class Api:
    """The endpoints. Those that use the database do so in a thread, each in one transaction; the others need none.

    A thread may not be free: while the database hangs, those that wait for it have them all.
    """

    def __init__(self, manifest: dict[str, Any], engine: Engine) -> None:
        self._manifest, self._engine, self._readers = manifest, engine, readers(engine)
        self._checked = False
        self.registry = CollectorRegistry()
        self.registry.register(Table(engine))

    def all_rows(self, after: After = 0, limit: Limit = 100) -> Page:
        """Every row."""
        return self._page(None, after, limit)

    def predicted(self, after: After = 0, limit: Limit = 100) -> Page:
        """Rows that have a prediction."""
        return self._page((State.DONE,), after, limit)

    def unpredicted(self, after: After = 0, limit: Limit = 100) -> Page:
        """Rows that wait for a prediction, and rows that failed, with the reason."""
        return self._page((State.PENDING, State.FAILED), after, limit)

    def add(self, body: Annotated[NewRows, Depends(read_rows)]) -> AddedRows:
        """Store rows for the next run of the job; they are committed when the answer arrives."""
        width = self._manifest["inputs"][0]["shape"][1]
        for index, row in enumerate(body.data):
            if fault := wrong_width(row, width):
                raise HTTPException(422, f"data[{index}]: {fault}")
        with Session(self._engine) as session, session.begin():
            return AddedRows(ids=queries.add(session, body.data))

    async def health(self) -> Status:
        """Whether the process lives."""
        return Status(status="alive")

    def ready(self) -> Status:
        """Whether the database answers and has the schema."""
        self._checked = False
        self.check_schema()
        return Status(status="ready")

    async def metadata(self) -> dict[str, Any]:
        """What the model's manifest says about it."""
        return {name: value for name, value in self._manifest.items() if name != "files"}

    async def label(self) -> Labels:
        """The class names."""
        return Labels(labels=self._manifest["labels"])

    def metrics(self) -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    def check_schema(self) -> None:
        """Refuse an older schema; once it is new enough it is not asked for again."""
        if not self._checked:
            with Session(self._readers) as session:
                schema.check(session)
            self._checked = True

    def _page(self, states: tuple[State, ...] | None, after: int, limit: int) -> Page:
        with Session(self._readers) as session:
            items, following = queries.page(session, states, after, limit)
            return Page.model_validate({"items": items, "next": following})


def create_app() -> FastAPI:
    """Return the service that the environment describes; the database need not be there yet."""
    with one_line():
        configuration = settings.load()
        manifest = open_artifact(configuration.model_dir, configuration.model_version).manifest
        engine = connect(configuration)
        schema.upgrade_embedded(engine)
    return build_app(manifest, engine)


def build_app(manifest: dict[str, Any], engine: Engine) -> FastAPI:
    """Return the service for one model's manifest and one database."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        engine.dispose()

    app = FastAPI(title="batch", summary=__doc__, version=str(manifest["version"]), lifespan=lifespan)
    api = Api(manifest, engine)
    count_requests(app, api.registry)
    add_error_handlers(app)
    checked = [Depends(api.check_schema)]
    for path, rows in (("all", api.all_rows), ("predicted", api.predicted), ("unpredicted", api.unpredicted)):
        app.get(f"/data/{path}", responses=PROBLEMS, dependencies=checked)(rows)
    refusals = PROBLEMS | {413: TOO_LARGE}
    app.post("/data", status_code=201, responses=refusals, openapi_extra=NEW_ROWS, dependencies=checked)(api.add)
    app.get("/health")(api.health)
    app.get("/ready", responses={503: PROBLEMS[503]})(api.ready)
    app.get("/metadata")(api.metadata)
    app.get("/label")(api.label)
    app.get("/metrics", response_class=PlainTextResponse)(api.metrics)
    return app
