"""The shapes of the API's requests and answers."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import from_json

from ..migrate.stored import as_utc

MAX_ROWS = 1_000
MAX_BODY_BYTES = 1_048_576
MAX_PAGE = 1_000
MAX_ID = 2**63 - 1


def _readable(stored: Any) -> Any:
    """Return what JSON text holds, or what is stored if Python cannot read it: a page must show every row."""
    if not isinstance(stored, str | bytes):  # SQLite stores 5 as a number
        return stored
    try:
        return from_json(stored)
    except ValueError:
        return stored if isinstance(stored, str) else stored.decode(errors="replace")


Utc = Annotated[datetime | str, AfterValidator(as_utc)]  # text: another program has written what is not a time
AnyRow = Annotated[Any, WithJsonSchema({"type": ["array", "object"]})]  # `read_rows` checks it by the model's inputs
# 1 to 255 characters, and no white space at its ends, which the databases ignore in comparisons.
Key = Annotated[str, Field(max_length=255, pattern=r"^\S(.*\S)?$")]
StoredJson = Annotated[Any, BeforeValidator(_readable)]


class NewRows(BaseModel):
    """Rows to add, each as the model takes it: a list of values, or an object by the names of its inputs."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"data": [[5.1, 3.5, 1.4, 0.2]]}]})

    data: Annotated[list[AnyRow], FailFast(), Field(min_length=1, max_length=MAX_ROWS)]
    keys: Annotated[list[Key | None] | None, FailFast(), Field(description="The owner's key of each row.")] = None

    @model_validator(mode="after")
    def check_keys(self) -> Self:
        """Raise `ValueError` unless there are as many keys as rows."""
        if self.keys is not None and len(self.keys) != len(self.data):
            raise ValueError(f"{len(self.keys)} keys for {len(self.data)} rows")
        return self

    def pairs(self) -> list[tuple[Any, str | None]]:
        """Return the rows with their keys."""
        return list(zip(self.data, self.keys or [None] * len(self.data), strict=True))


class AddedRows(BaseModel):
    """The ids of the new rows, in the order of the request."""

    ids: list[int]


class ItemOut(BaseModel):
    """A stored row: `prediction` holds a probability for each label, or what a regressor answers, without a label.

    With `--top` it is an object: the likeliest labels with their probabilities. What another program has written is
    shown as it is.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int
    key: str | None
    values: StoredJson
    state: str
    prediction: StoredJson
    label: str | None
    model_version: int | None
    attempts: int
    reason: str | None
    created_at: Utc
    updated_at: Utc


class Page(BaseModel):
    """Rows by rising id; `next` is the `after` of the next page, null on the last page."""

    items: list[ItemOut]
    next: int | None


class Labels(BaseModel):
    """Class names, in the order of the probabilities."""

    labels: list[str]


class Status(BaseModel):
    """The answer of a health or readiness probe."""

    status: str


class Problem(BaseModel):
    """Why a request was refused; names the field and the limit."""

    detail: str
