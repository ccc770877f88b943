"""The one handler that turns an exception into an answer."""

import logging
import re

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from ..errors import ServiceError, as_service_error, first_error

log = logging.getLogger(__name__)
ADDED_BY_FASTAPI = re.compile(r"^(body|query|path|header)\.")  # before the name of a field


class InvalidRows(ServiceError):
    """The body is not what the schema describes."""

    status = 422


class BodyTooLarge(ServiceError):
    """The body has more bytes than the limit."""

    status = 413


class BodyIncomplete(ServiceError):
    """The client closed the connection before the end of its body."""

    status = 400


async def answer_error(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to a request that raised `error`; a bug is raised again."""
    if isinstance(error, RequestValidationError):
        return JSONResponse({"detail": ADDED_BY_FASTAPI.sub("", first_error(error))}, 422)
    if isinstance(error, IntegrityError) and _is_duplicate(error):  # only without the part that accepts stored keys
        return JSONResponse({"detail": "keys: one of them is stored already"}, 409)
    if isinstance(error, NoConnectionFree):
        status, detail = 503, "database unavailable: every connection is busy"
    elif known := as_service_error(error):
        status, detail = known.status, str(known)
    else:
        raise error
    if status >= 500:
        log.warning(detail)
    return JSONResponse({"detail": detail}, status)


def _is_duplicate(error: IntegrityError) -> bool:
    """Return whether a row's key is stored already, by the server's error code or SQLite's message."""
    return 1062 in getattr(error.orig, "args", ()) or "UNIQUE" in str(error.orig)


def add_error_handler(app: FastAPI) -> None:
    """Answer every exception of a known kind with `answer_error`."""
    for kind in (ServiceError, RequestValidationError, DBAPIError, NoConnectionFree):
        app.add_exception_handler(kind, answer_error)
