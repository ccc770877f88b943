"""Each error carries its HTTP status, and one handler turns all of them into `{"detail": ...}`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field

if TYPE_CHECKING:  # the worker raises some of these errors, and does not need FastAPI
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse


class ServiceError(Exception):
    """A subclass is defined beside the code that raises it. Its docstring is its text in OpenAPI."""

    status: ClassVar[int] = 400
    headers: ClassVar[Mapping[str, str]] = {}


class InvalidValue(ServiceError):
    """A value is wrong."""

    status = 422


class RedisAway(ServiceError):
    """Redis is not available; it may nevertheless have accepted the job."""

    status, headers = 503, {"Retry-After": "5"}
    is_transient: ClassVar[bool] = True  # a later try may succeed


class Problem(BaseModel):
    detail: str = Field(description="Names the field and the limit.")


def documented(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of these errors, by status."""
    texts: dict[int, list[str]] = {}
    for error in errors:
        texts.setdefault(error.status, []).append(error.__doc__ or "")
    return {status: {"description": " ".join(found), "model": Problem} for status, found in texts.items()}


def add_handlers(app: "FastAPI") -> None:
    """Answer each ServiceError, and FastAPI's validation error, in the same form."""
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

    async def answer(_: "Request", error: Exception) -> "JSONResponse":
        if isinstance(error, RequestValidationError):
            first = error.errors()[0]
            error = InvalidValue(f"{first['loc'][-1]}: {first['msg']}")
        assert isinstance(error, ServiceError)
        return JSONResponse({"detail": str(error)}, error.status, error.headers)

    for kind in (ServiceError, RequestValidationError):
        app.add_exception_handler(kind, answer)
