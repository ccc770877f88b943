"""Exceptions that carry their own answer, and the one handler that sends it."""

from typing import Any, ClassVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect


class ServiceError(Exception):
    """A request that cannot be answered. The message names the field and the limit."""

    status: ClassVar[int]
    headers: ClassVar[dict[str, str] | None] = None
    reason: ClassVar[str] = ""  # the name under which such refusals are counted, if at all


HANDLED: tuple[Any, ...] = (ServiceError, ClientDisconnect, RequestValidationError, HTTPException, Exception)


async def answer_error(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to a request that raised `error`."""
    headers: Any = None
    match error:
        case ServiceError():
            request.scope["refusal"] = error.reason
            status, detail, headers = error.status, str(error), error.headers
        case ClientDisconnect():
            request.scope["refusal"] = "cut_off"
            status, detail = 400, "body: the connection closed before its end"
        case RequestValidationError():
            status, detail = 422, first_error(error)
        case HTTPException():
            status, detail, headers = error.status_code, error.detail, error.headers
        case _:
            status, detail, headers = 500, "internal error", {"connection": "close"}
    path, fields = request.scope["path"], request.app.state.error_fields
    field = next((name for prefix, name in fields.items() if path.startswith(prefix)), "detail")
    return JSONResponse({field: detail}, status, headers)


def first_error(error: ValidationError | RequestValidationError) -> str:
    """Return pydantic's first error as `data[0][3]: message`, without the "body" or "query" that FastAPI puts first."""
    first = error.errors()[0]
    parts = first["loc"][1:] if isinstance(error, RequestValidationError) else first["loc"]
    return f"{location(parts)}: {first['msg']}"


def location(parts: tuple[int | str, ...]) -> str:
    """Return a location in a body as Python writes it, `data[0][3]`, or `body` for the whole body."""
    joined = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:60]}" for part in parts)
    return joined.removeprefix(".") or "body"
