"""The endpoints that describe the model."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from ..api import TheModel, predict, predict_label
from ..schemas import LabelPrediction, Prediction

router = APIRouter()
label_router = APIRouter()  # for classifiers


class Metadata(BaseModel):
    """The model, its tensors (null in a shape is the number of rows), and the limits of a request (null is none)."""

    name: str
    version: int
    task: str
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    output: str
    labels: list[str]
    accuracy: dict[str, Any]
    max_rows: int
    max_body_bytes: int | None = None


@router.get("/metadata")
async def metadata(request: Request, model: TheModel) -> Metadata:
    """The model: tensors from its graph, the rest from its manifest; and the limits of a request."""
    return Metadata.model_validate(vars(model) | request.app.state.request_limits)


@router.get("/label")
async def label(model: TheModel) -> dict[str, list[str]]:
    """The labels in the order of the probabilities."""
    return {"labels": model.labels}


@router.get("/predict/test", response_model=Prediction)
async def predict_test(model: TheModel) -> Response:
    """The prediction for a sample row that the service provides."""
    return await predict(model.row_format.arrays([model.sample]), model)


@label_router.get("/predict/test/label", response_model=LabelPrediction)
async def predict_test_label(model: TheModel) -> Response:
    """The likeliest label for a sample row that the service provides."""
    return await predict_label(model.row_format.arrays([model.sample]), model)
