"""The body of a prediction whose rows are lists, or objects by name."""

from typing import Any

from pydantic import BaseModel, ValidationError

from ..api import InvalidRows
from ..errors import first_error
from .repeated_names import repeated_name

MOST_ERRORS = 100  # with more, only their number is reported: listing them takes too long


class EitherRequest:
    """Reads and shows the bodies that `listed` and `named` describe. All rows have the form of the first.

    Lists are tried first, so that the rows of one float tensor are read as fast as without names.
    """

    def __init__(self, listed: type[BaseModel], named: type[BaseModel]) -> None:
        self._listed, self._named = listed, named
        self._validate_listed = listed.__pydantic_validator__.validate_json

    def model_validate_json(self, body: bytes | bytearray) -> Any:
        """Return the request, or raise `ValidationError` or `InvalidRows`."""
        try:
            request = self._validate_listed(body)
        except ValidationError as error:
            request = self._validate_named(body, error)
        rows = request.data
        names = 1 + len(rows) * len(rows[0]) if isinstance(rows[0], dict) else 1
        if name := repeated_name(body, names):
            raise InvalidRows(f"body: the name {name[:60]!r} comes twice in one object")
        return request

    def _validate_named(self, body: bytes | bytearray, refusal: ValidationError) -> Any:
        """Read the rows as objects if `refusal` says that the first row is one, and not a list; else raise it."""
        if refusal.error_count() > 2:
            raise refusal
        first = refusal.errors(include_url=False)[0]
        if first["loc"] != ("data", 0) or not isinstance(first["input"], dict):
            raise refusal
        try:
            return self._named.model_validate_json(body)
        except ValidationError as error:
            if error.error_count() > MOST_ERRORS:
                raise InvalidRows(
                    f"data: {error.error_count()} errors, of fields that are missing or unknown"
                ) from None
            raise InvalidRows(first_error(error)) from None

    def model_json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of both forms."""
        shown, named = self._listed.model_json_schema(), self._named.model_json_schema()
        objects = named["properties"]["data"]
        (objects["items"],) = named["$defs"].values()  # a reference would not resolve inside an OpenAPI document
        shown["properties"]["data"] = {"anyOf": [shown["properties"]["data"], objects]}
        return shown
