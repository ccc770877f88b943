"""From the body of a request to an array of rows, or to a refusal that says why, in bounded memory."""

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from starlette.requests import Request

from .schemas import PredictRequest


class Refused(Exception):
    """The caller's fault: an HTTP status, a message that names the field and the limit, and a reason to count it by."""

    def __init__(self, status: int, message: str, reason: str = "invalid") -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class RowReader:
    """Reads bodies of at most `max_bytes` that arrive within `seconds` and are what `schema` says."""

    def __init__(self, schema: type[PredictRequest], dtype: str, max_bytes: int, seconds: float) -> None:
        self._schema, self._dtype, self._max_bytes, self._seconds = schema, np.dtype(dtype), max_bytes, seconds

    async def read(self, request: Request) -> NDArray[Any]:
        """Return the rows as [n, width].

        Raises:
            Refused: 400 cut off, 408 too slow, 413 too large, 415 not JSON, 422 not what the schema says.
        """
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, f"content-type: must be application/json, not {content_type[:60]!r}", "not_json")
        body = await read_body(request, self._max_bytes, self._seconds)
        # Parsed and checked in one pass of compiled code, which takes less time than json.loads alone.
        try:
            return np.array(self._schema.model_validate_json(body).data, self._dtype)
        except ValidationError as error:
            raise Refused(422, _reason(error)) from None


async def read_body(request: Request, max_bytes: int, seconds: float) -> bytearray:
    """Return a body of at most `max_bytes` that arrives within `seconds`.

    Raises:
        Refused: 400 cut off, 408 too slow, 413 too large; the last without reading on, or at all if the length says so.
    """
    _check_size(int(request.headers.get("content-length", 0)), max_bytes)
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "body: the connection closed before its end", "cut_off")
                body += message.get("body", b"")
                _check_size(len(body), max_bytes)  # a chunked body announces no length
                more = message.get("more_body", False)
    except TimeoutError:
        raise Refused(408, f"body: not complete after {seconds:g} seconds", "too_slow") from None
    return body


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise Refused(413, f"body: larger than the limit of {limit} bytes", "too_large")


def _reason(error: ValidationError) -> str:
    if error.error_count() > 2:  # the lists stop at their first fault: these are unknown fields, maybe very many
        return f"body: {error.error_count()} faults; the only field is data"
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{place(fault['loc'])}: {fault['msg']}"


def place(path: tuple[int | str, ...]) -> str:
    """Return where in a body something is, such as `data[0][3]`."""
    return (
        "".join(f"[{part}]" if isinstance(part, int) else f".{part[:60]}" for part in path).removeprefix(".") or "body"
    )
