"""The endpoints. Those that use the database are plain functions, which FastAPI runs in a thread; the others need none.

While the database hangs, requests that wait for it occupy every thread, and the other endpoints still answer.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ..errors import ServiceError
from ..migrate import schema
from ..tables import State
from . import queries
from .body import read_rows
from .schemas import MAX_BODY_BYTES, MAX_ID, MAX_PAGE, AddedRows, Key, Labels, NewRows, Page, Problem, Status

PROBLEMS: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "A field is missing, of the wrong type or beyond its limit"},
    503: {"model": Problem, "description": "The database cannot serve now"},
}
REFUSALS = PROBLEMS | {
    409: {"model": Problem, "description": "A key belongs to other values"},
    413: {"model": Problem, "description": f"The body has more than {MAX_BODY_BYTES} bytes"},
}
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": NewRows.model_json_schema()}}}}


def get_reader(request: Request) -> Iterator[Session]:
    """Yield a session for reading."""
    with Session(request.app.state.readers) as session:
        yield session


# With the scope `function` the connection is released before the answer is sent, however slowly a client reads.
Reader = Annotated[Session, Depends(get_reader, scope="function")]
After = Annotated[int | None, Query(ge=-MAX_ID, le=MAX_ID, description="Only rows with a greater id.")]
Post = Annotated[Key | None, Header(description="The same for a request that is sent again.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="The most rows in the answer.")]


def check_schema(request: Request, session: Reader) -> None:
    """Raise `SchemaTooOld` for an older schema; a schema that is new enough is not read again."""
    if not request.app.state.schema_checked:
        schema.check(session)
        request.app.state.schema_checked = True


class NotStored(ServiceError):
    """The connection was lost before the commit, so nothing is stored."""

    status = 503


class ReadOnly(ServiceError):
    """The database takes no rows."""

    status = 503


router = APIRouter()
checked = [Depends(check_schema)]


@router.get("/data/all", responses=PROBLEMS, dependencies=checked)
def all_rows(session: Reader, after: After = None, limit: Limit = 100) -> Page:
    """Every row."""
    return _page(session, None, after, limit)


@router.get("/data/predicted", responses=PROBLEMS, dependencies=checked)
def predicted(session: Reader, after: After = None, limit: Limit = 100) -> Page:
    """Rows that have a prediction."""
    return _page(session, (State.DONE,), after, limit)


@router.get("/data/unpredicted", responses=PROBLEMS, dependencies=checked)
def unpredicted(session: Reader, after: After = None, limit: Limit = 100) -> Page:
    """Rows that wait for a prediction, and rows that failed, with the reason."""
    return _page(session, (State.PENDING, State.FAILED), after, limit)


@router.post("/data", status_code=201, responses=REFUSALS, dependencies=checked, openapi_extra=BODY)
def add(rows: Annotated[NewRows, Depends(read_rows)], request: Request, idempotency_key: Post = None) -> AddedRows:
    """Store rows for the next run of the job; they are committed when the answer arrives."""
    try:
        ids = _store(request.app.state, rows, idempotency_key)
    except NotStored:  # once more: after a failover, a new connection leads to a server that can be written
        ids = _store(request.app.state, rows, idempotency_key)
    return AddedRows(ids=ids)


@router.get("/health")
async def health() -> Status:
    """The process is alive."""
    return Status(status="alive")


@router.get("/ready", responses={503: PROBLEMS[503]})
def ready(request: Request, session: Reader) -> Status:
    """The database answers, has the schema and can be written. Each call checks this."""
    request.app.state.schema_checked = False
    check_schema(request, session)
    if queries.is_read_only(session):
        request.app.state.engine.dispose()  # after a failover, new connections lead to another server
        raise ReadOnly("database unavailable: it is read-only")
    return Status(status="ready")


@router.get("/metadata")
async def metadata(request: Request) -> dict[str, Any]:
    """The model's manifest."""
    return {name: value for name, value in request.app.state.manifest.items() if name != "files"}


@router.get("/label")
async def label(request: Request) -> Labels:
    """The class names."""
    return Labels(labels=request.app.state.manifest.get("labels", []))  # a regressor may have none


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)


def _page(session: Session, states: tuple[State, ...] | None, after: int | None, limit: int) -> Page:
    items, following = queries.page(session, states, after, limit)
    return Page.model_validate({"items": items, "next": following})


def _store(state: Any, rows: NewRows, key: str | None) -> list[int]:
    with state.engine.connect() as connection, connection.begin() as transaction:
        try:
            ids: list[int] = state.add(connection, rows.pairs(), key)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise NotStored(f"database unavailable: {error.orig}") from error
            raise
        transaction.commit()
    return ids
