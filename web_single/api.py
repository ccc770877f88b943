"""The endpoints. FastAPI's dependencies give them the rows of the request and the model."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.types import Scope

from .errors import ServiceError, first_error
from .model import Model
from .rows import Arrays
from .schemas import LabelPrediction, Prediction, Problem

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
    """Return the rows of the body as the model takes them."""
    require_json(request.headers.get("content-type", ""))
    state = request.app.state
    return parse_rows(request.scope, await request.body(), state.request_schema, state.model)


def require_json(content_type: str) -> None:
    """Raise `UnsupportedMediaType` unless a body is declared as JSON."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(f"content-type: must be application/json, not {content_type[:60]!r}")


def parse_rows(scope: Scope, body: bytes | bytearray, schema: Any, model: Model) -> Arrays:
    """Return the rows of a body as the model takes them, parsed and checked in one pass of compiled code."""
    try:
        rows = schema.model_validate_json(body).data
    except ValidationError as error:
        # The lists stop at their first error, so more than two errors are unknown fields, as many as the body holds.
        raise InvalidRows(first_error(error) if error.error_count() < 3 else "body: the only field is data") from None
    scope["rows"] = len(rows)  # for logs and metrics
    return model.row_format.arrays(rows)


async def get_model(request: Request) -> Model:
    """Return the application's model."""
    return cast(Model, request.app.state.model)


Rows = Annotated[Arrays, Depends(read_rows)]
TheModel = Annotated[Model, Depends(get_model)]


# `async def`, because a prediction takes less time than the switch to a thread and back.
@router.post("/predict", response_model=Prediction, responses=REFUSALS)
async def predict(rows: Rows, model: TheModel) -> Response:
    """For each row the probability of each label, or a regressor's values."""
    return Response(to_json({"prediction": model.predict(rows).tolist()}), media_type="application/json")


@label_router.post("/predict/label", response_model=LabelPrediction, responses=REFUSALS)
async def predict_label(rows: Rows, model: TheModel) -> Response:
    """The likeliest label, for each row."""
    likeliest = [model.labels[index] for index in model.predict(rows).argmax(axis=1)]
    return Response(to_json({"prediction": likeliest}), media_type="application/json")


@router.get("/health")
async def health() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"model": Problem}})
async def ready(request: Request) -> dict[str, str]:
    """The model predicts; each call tries it. Optional parts add checks of their own."""
    for check in request.app.state.ready_checks:
        check()
    return {"status": "ready"}
