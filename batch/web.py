"""What stands between HTTP and the endpoints: a bounded body, a count of requests, errors as one line of JSON."""

import logging
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, Counter
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.requests import ClientDisconnect

from .database import unavailable
from .schema import SchemaTooOld, missing
from .schemas import MAX_BODY_BYTES, NewRows, first_error

log = logging.getLogger(__name__)


async def read_rows(request: Request) -> NewRows:
    """Read and check the body, and no more of it than the limit, whatever its headers say."""
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(413, f"body: more than {MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise HTTPException(400, "body: the client went away") from None  # for the count; nobody reads it
    try:
        return NewRows.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(422, first_error(error.errors())) from None


def count_requests(app: FastAPI, registry: CollectorRegistry) -> None:
    """Count requests by route and status."""
    requests = Counter("batch_api_requests", "Requests by route and status", ["route", "status"], registry=registry)

    @app.middleware("http")
    async def count(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        status = 500  # what the server makes of an error that no handler takes
        try:
            response = await answer(request)
            status = response.status_code
            return response
        finally:
            requests.labels(getattr(request.scope.get("route"), "path", "unknown"), status).inc()


def add_error_handlers(app: FastAPI) -> None:
    """Answer what endpoints raise: 422 for a bad request, 503 while the database cannot serve."""
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(DBAPIError, _database_failed)
    app.add_exception_handler(NoConnectionFree, _database_failed)
    app.add_exception_handler(SchemaTooOld, _database_failed)


async def _bad_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": first_error(error.errors())}, 422)


async def _database_failed(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, DBAPIError):
        reason = missing(error) or unavailable(error)
    else:
        reason = str(error) if isinstance(error, SchemaTooOld) else "database unavailable: every connection is busy"
    if reason is None:
        raise error
    log.warning(reason)
    return JSONResponse({"detail": reason}, 503)
