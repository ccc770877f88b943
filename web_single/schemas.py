"""What goes in and what comes out, as the OpenAPI page shows it."""

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model


class PredictRequest(BaseModel):
    """Rows of numbers, and no other field."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    data: list[list[float]]


def request_for(width: int, dtype: str, max_rows: int, sample: list[list[float]]) -> type[PredictRequest]:
    """Return `PredictRequest` for one graph: 1 to `max_rows` rows of `width` numbers that `dtype` can hold.

    The lists stop at their first fault: a long list of wrong rows must not become a long list of errors.
    """
    limit = float(np.finfo(dtype).max)
    number = Annotated[float, Field(ge=-limit, le=limit)]
    row = Annotated[list[number], Field(min_length=width, max_length=width, fail_fast=True)]
    rows = Annotated[list[row], Field(min_length=1, max_length=max_rows, fail_fast=True, examples=[sample])]
    return create_model("PredictRequest", __base__=PredictRequest, data=(rows, ...))


class Prediction(BaseModel):
    """The probability of each label for each row; rows in the order sent, labels in the order of `/label`."""

    prediction: list[list[float]]


class LabelPrediction(BaseModel):
    """The likeliest label for each row, in the order sent."""

    prediction: list[str]


class Labels(BaseModel):
    """The labels in the order of the probabilities."""

    labels: list[str]


class Tensor(BaseModel):
    """An input or output of the graph; null in `shape` stands for the number of rows."""

    name: str
    dtype: str
    shape: list[int | None]


class Metadata(BaseModel):
    """The model that is served, what it takes and gives, and the limits of a request."""

    name: str
    version: int
    inputs: list[Tensor]
    outputs: list[Tensor]
    labels: list[str]
    accuracy: dict[str, Any]
    max_rows: int
    max_body_bytes: int


class Problem(BaseModel):
    """Why a request was refused: the field and the limit."""

    detail: str


def problem(path: str, reason: str) -> dict[str, str]:
    """Return the body of a refusal; under /v2 its field has the name that the protocol's clients read."""
    return {"error" if path.startswith("/v2") else "detail": reason}
