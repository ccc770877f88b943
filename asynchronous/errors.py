"""Each error carries its HTTP status, and one handler turns all of them into `{"detail": ...}`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import ClientDisconnect


class ServiceError(Exception):
    """A subclass stands beside the code that raises it. Its docstring is its text in OpenAPI."""

    status: ClassVar[int] = 400
    headers: ClassVar[Mapping[str, str]] = {}


class InvalidValue(ServiceError):
    """A value is wrong."""

    status = 422


class Problem(BaseModel):
    detail: str = Field(description="Names the field and the limit.")


def documented(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of these errors, by status."""
    texts: dict[int, list[str]] = {}
    for error in errors:
        texts.setdefault(error.status, []).append(error.__doc__ or "")
    return {status: {"description": " ".join(found), "model": Problem} for status, found in texts.items()}


def first_error(error: RequestValidationError | ValidationError, whole: str = "body") -> str:
    """Return pydantic's first error as `data[0][3]: message`; `whole` is the name of the value as a whole."""
    first = error.errors()[0]
    place = list(first["loc"])
    if isinstance(error, RequestValidationError) and place and place[0] in ("body", "query", "path", "header"):
        del place[0]
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return f"{''.join(parts).removeprefix('.') or whole}: {first['msg']}"


def add_handlers(app: FastAPI) -> None:
    """Answer each ServiceError, and each error of FastAPI's own, in the same form."""

    async def answer(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, RequestValidationError):
            error = InvalidValue(first_error(error))
        elif not isinstance(error, ServiceError):
            error = ServiceError("the client has disconnected")
        return JSONResponse({"detail": str(error)}, error.status, error.headers)

    for kind in (ServiceError, RequestValidationError, ClientDisconnect):
        app.add_exception_handler(kind, answer)
