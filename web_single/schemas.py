"""What goes in and what comes out, as the OpenAPI page shows it."""

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model


def request_for(width: int, dtype: str, max_rows: int, sample: list[list[float]]) -> type[BaseModel]:
    """Return the request for one graph: 1 to `max_rows` rows of `width` numbers that `dtype` can hold."""
    limit = float(np.finfo(dtype).max)
    number = Annotated[float, Field(ge=-limit, le=limit)]
    # The lists stop at their first error, so that many wrong rows do not become as many errors.
    row = Annotated[list[number], Field(min_length=width, max_length=width, fail_fast=True)]
    rows = Annotated[list[row], Field(min_length=1, max_length=max_rows, fail_fast=True, examples=[sample])]
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    return create_model("PredictRequest", __config__=config, data=(rows, ...))


class Prediction(BaseModel):
    """The probability of each label for each row; rows in the order sent, labels in the order of `/label`."""

    prediction: list[list[float]]


class LabelPrediction(BaseModel):
    """The likeliest label for each row, in the order sent."""

    prediction: list[str]


class Metadata(BaseModel):
    """The model, its tensors (null in a shape is the number of rows), and the limits of a request (null is none)."""

    name: str
    version: int
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    labels: list[str]
    accuracy: dict[str, Any]
    max_rows: int
    max_body_bytes: int | None = None


class Problem(BaseModel):
    """Why a request was refused: the field and the limit."""

    detail: str
