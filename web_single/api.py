"""The endpoints. FastAPI's dependencies give them the rows of the request and the model."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import ValidationError
from pydantic_core import to_json

from .errors import ServiceError, first_error
from .model import Model
from .rows import Arrays
from .schemas import LabelPrediction, Metadata, Prediction, Problem

REFUSALS: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (400, 408, 413, 415, 422, 503)}
router = APIRouter()
label_router = APIRouter()  # for classifiers


class UnsupportedMediaType(ServiceError):
    """The body is declared as something that the endpoint does not read."""

    status, reason = 415, "not_json"


class InvalidRows(ServiceError):
    """The body is not what the schema describes."""

    status, reason = 422, "invalid"


async def read_rows(request: Request) -> Arrays:
    """Return the rows of the body as the model takes them, parsed and checked in one pass of compiled code."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(f"content-type: must be application/json, not {content_type[:60]!r}")
    body, state = await request.body(), request.app.state
    try:
        rows = state.request_schema.model_validate_json(body).data
    except ValidationError as error:
        if error.error_count() > 2:  # the lists stop at their first error, so these are unknown fields
            raise InvalidRows(f"body: {error.error_count()} errors; the only field is data") from None
        raise InvalidRows(first_error(error)) from None
    request.scope["rows"] = len(rows)  # for logs and metrics
    arrays: Arrays = state.model.row_format.arrays(rows)
    return arrays


def get_model(request: Request) -> Model:
    """Return the application's model."""
    return cast(Model, request.app.state.model)


Rows = Annotated[Arrays, Depends(read_rows)]
TheModel = Annotated[Model, Depends(get_model)]


# `async def`, because a prediction takes less time than the way to a thread and back.
@router.post("/predict", response_model=Prediction, responses=REFUSALS)
async def predict(rows: Rows, model: TheModel) -> Response:
    """For each row the probability of each label, or a regressor's values."""
    return Response(to_json({"prediction": model.predict(rows).tolist()}), media_type="application/json")


@label_router.post("/predict/label", response_model=LabelPrediction, responses=REFUSALS)
async def predict_label(rows: Rows, model: TheModel) -> Response:
    """The likeliest label, for each row."""
    likeliest = [model.labels[index] for index in model.predict(rows).argmax(axis=1)]
    return Response(to_json({"prediction": likeliest}), media_type="application/json")


@router.get("/predict/test", response_model=Prediction)
async def predict_test(model: TheModel) -> Response:
    """The prediction for a sample row that the service provides."""
    return await predict(model.row_format.arrays([model.sample]), model)


@label_router.get("/predict/test/label", response_model=LabelPrediction)
async def predict_test_label(model: TheModel) -> Response:
    """The likeliest label for a sample row that the service provides."""
    return await predict_label(model.row_format.arrays([model.sample]), model)


@router.get("/health")
async def health() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"model": Problem}})
async def ready(request: Request) -> dict[str, str]:
    """The model predicts, which each call tries. Optional parts add checks of their own."""
    for check in request.app.state.ready_checks:
        check()
    return {"status": "ready"}


@router.get("/label")
async def label(model: TheModel) -> dict[str, list[str]]:
    """The labels in the order of the probabilities."""
    return {"labels": model.labels}


@router.get("/metadata")
async def metadata(request: Request, model: TheModel) -> Metadata:
    """The model: tensors from its graph, the rest from its manifest; and the limits of a request."""
    return Metadata.model_validate(vars(model) | request.app.state.request_limits)


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI page; the model defines the body of a prediction."""
    page, schema = FastAPI.openapi(app), app.state.request_schema.model_json_schema()
    for path in {"/predict", "/predict/label"} & set(page["paths"]):
        body = {"required": True, "content": {"application/json": {"schema": schema}}}
        page["paths"][path]["post"]["requestBody"] = body
    return page
