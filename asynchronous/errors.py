"""Errors become HTTP here and nowhere else: JSON with a `detail` that names the field and the limit."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from .images import ImageRefused, ImageTooLarge, NotAnImageType
from .job_queue import KeyReused, QueueFull
from .keys import REDIS_AWAY
from .schemas import Problem
from .uploads import MAX_BYTES, TooManyUploads, UploadStalled

_MEANINGS = {
    204: "The job's end has been sent on an earlier connection; there is nothing more to come.",
    404: "Never accepted, or forgotten a RESULT_LIFETIME after its end.",
    408: "The upload came to a standstill.",
    409: "This Idempotency-Key belongs to a job with another image.",
    413: "The image is too large.",
    415: "The content type is none that an image comes in.",
    422: "A value is wrong, or this is not an image that the model could use.",
    503: "Too much at once, and nothing was accepted; or Redis is away: with a key, posting again makes no second job.",
}


class JobUnknown(Exception):
    """There is no record of this job."""


def documented(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of these error answers."""
    return {code: {"description": _MEANINGS[code]} | ({"model": Problem} if code >= 400 else {}) for code in codes}


def add_handlers(app: FastAPI) -> None:
    """Turn each of this pattern's exceptions into its answer."""
    refused = {ImageRefused: 422, ImageTooLarge: 413, UploadStalled: 408, NotAnImageType: 415, ClientDisconnect: 400}
    for kind, code in refused.items():
        _handle(app, kind, code, str)
    _handle(app, JobUnknown, 404, lambda _: "job_id: unknown, or its result's lifetime is over")
    _handle(app, KeyReused, 409, lambda _: "idempotency-key: belongs to a job with another image")
    _handle(app, QueueFull, 503, lambda _: "queue: MAX_QUEUED_JOBS are in it, try again later")
    _handle(app, TooManyUploads, 503, lambda _: f"image: {MAX_BYTES} bytes are being uploaded, try again later")
    _handle(app, RequestValidationError, 422, _first_fault)
    for away in REDIS_AWAY:
        _handle(app, away, 503, lambda error: f"Redis: not available ({type(error).__name__}), try again later")


def _handle(app: FastAPI, kind: type[Exception], code: int, detail: Any) -> None:
    headers = {"Retry-After": "5"} if code == 503 else {}
    if kind in (ImageTooLarge, UploadStalled, TooManyUploads):
        headers["Connection"] = "close"  # the rest of the body is not read

    async def answer(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": detail(error)}, code, headers)

    app.add_exception_handler(kind, answer)


def _first_fault(error: Exception) -> str:
    assert isinstance(error, RequestValidationError)
    fault = error.errors()[0]
    return f"{fault['loc'][-1]}: {fault['msg']}"
