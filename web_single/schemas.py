"""What goes in and what comes out, as the OpenAPI page shows it."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from .rows import STRICT


def request_for(row: Any, max_rows: int, example: Any) -> type[BaseModel]:
    """Return the request for one graph: 1 to `max_rows` rows of the type `row`."""
    # The list stops at its first error, so that many wrong rows do not become as many errors.
    rows = Annotated[list[row], Field(min_length=1, max_length=max_rows, fail_fast=True, examples=[[example]])]
    return create_model("PredictRequest", __config__=STRICT, data=(rows, ...))


class Prediction(BaseModel):
    """For each row, in the order sent: the probability of each of the model's labels, or the values of a regressor."""

    prediction: list[list[float]] | list[float]


class LabelPrediction(BaseModel):
    """The likeliest label for each row, in the order sent."""

    prediction: list[str]


class Problem(BaseModel):
    """Why a request was refused: the field and the limit."""

    detail: str
