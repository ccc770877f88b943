"""What a row is, and the shapes of the API's requests and answers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field

from .tables import State

FLOAT32_MAX = 3.4028234663852886e38
MAX_ROWS = 1_000
MAX_BODY_BYTES = 1_048_576
MAX_PAGE = 1_000
MAX_ID = 2**63 - 1
MAX_REASON = 300

Float32 = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
# The first fault is enough to refuse a row; a list of all faults could be far larger than the row.
Row = Annotated[list[Float32], FailFast()]
Utc = Annotated[datetime, AfterValidator(lambda moment: moment.replace(tzinfo=UTC))]


def wrong_width(row: Sequence[object], width: int) -> str | None:
    """Say what is wrong with the number of values in `row`, if anything is."""
    return None if len(row) == width else f"{len(row)} values, the model takes {width}"


def first_error(errors: Sequence[Any]) -> str:
    """Return the first of pydantic's `errors` as one line that names the field; the input is not repeated."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in errors[0]["loc"])
    return f"{''.join(parts).lstrip('.')}: {errors[0]['msg']}".removeprefix(": ")[:MAX_REASON]


class NewRows(BaseModel):
    """Rows to add; every row is as wide as the model's input."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"data": [[5.1, 3.5, 1.4, 0.2]]}]})

    data: Annotated[list[Row], FailFast(), Field(min_length=1, max_length=MAX_ROWS)]


class AddedRows(BaseModel):
    """The new rows' ids, in the order of the request."""

    ids: list[int]


class ItemOut(BaseModel):
    """A row as it is stored: `prediction` holds one probability for each label, `reason` says why a row failed."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    values: Any
    state: State
    prediction: list[float] | None
    label: str | None
    model_version: int | None
    attempts: int
    reason: str | None
    created_at: Utc
    updated_at: Utc


class Page(BaseModel):
    """Rows by rising id; `next` is the `after` of the next page, null on the last one."""

    items: list[ItemOut]
    next: int | None


class Labels(BaseModel):
    """Class names, in the order of the probabilities."""

    labels: list[str]


class Status(BaseModel):
    """The answer of a health or readiness probe."""

    status: str


class Problem(BaseModel):
    """Why a request was not answered; names the field and the limit."""

    detail: str
