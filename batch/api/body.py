"""The body of a request, read in bounded memory.

FastAPI's `max_body_size` is not used: where a request announces its length it replaces every answer with its own 413 in
plain text, without the `detail` that names the field and the limit.
"""

from typing import Any

from fastapi import Request
from pydantic import ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import ClientDisconnect

from ..artifact import ArtifactRefused
from ..errors import first_error
from ..extras.predictor import ROW_FORMAT  # optional: extras
from ..predictor import Read, row_reader
from ..rows import RowFormat
from .errors import BodyIncomplete, BodyTooLarge, InvalidRows
from .repeated_names import repeated_name
from .schemas import MAX_BODY_BYTES, NewRows


async def read_rows(request: Request) -> NewRows:
    """Return the rows of the body; reading stops once the limit is exceeded, whatever its headers announce."""
    body = await _read(request)
    try:
        rows = NewRows.model_validate_json(body)
    except ValidationError as error:
        raise InvalidRows(first_error(error)) from None
    for index, row in enumerate(rows.data):
        try:
            request.app.state.read_row(to_json(row))
        except ValidationError as error:
            fault, place = first_error(error, whole=""), error.errors()[0]["loc"]
            joint = "" if fault.startswith("[") else "." if place else ": "
            raise InvalidRows(f"data[{index}]{joint}{fault}") from None
    names = len(rows.model_fields_set) + sum(len(row) for row in rows.data if isinstance(row, dict))
    if name := repeated_name(body, names):
        raise InvalidRows(f"body: the name {name[:60]!r} comes twice in one object")
    # As the job reads them: null for the NaN that Python writes into JSON.
    return rows.model_copy(update={"data": from_json(to_json(rows.data, inf_nan_mode="null"))})


def manifest_reader(manifest: dict[str, Any]) -> Read:
    """Return a function that reads a row of the model that a manifest describes. The model is not loaded."""
    row_format = RowFormat
    row_format = ROW_FORMAT  # optional: extras
    try:
        described = manifest["inputs"]
        inputs = [{name: each[name] for name in ("name", "dtype", "shape")} for each in described]
        return row_reader(row_format(inputs, described))
    except (KeyError, TypeError) as error:
        raise ArtifactRefused(f"manifest.json: inputs: {error!r}") from error


async def _read(request: Request) -> bytearray:
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY_BYTES:
                raise BodyTooLarge(f"body: more than {MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise BodyIncomplete("body: the connection closed before its end") from None  # counted as a 400
    return body
