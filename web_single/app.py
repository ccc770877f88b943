"""The composition: settings, a verified model, the service, its routes."""

from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from .admission import Admission
from .bodies import Refused
from .hot_path import HotPath
from .metrics import Metrics
from .observed import Observed, failed
from .open_inference.protocol import InferenceProtocol
from .predictor import NoAnswer, Predictor
from .schemas import LabelPrediction, Prediction, Problem, problem
from .service import Service
from .settings import Settings
from .verified import current_model

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body was cut off"},
    408: {"model": Problem, "description": "The body came too slowly"},
    413: {"model": Problem, "description": "The body is too large"},
    415: {"model": Problem, "description": "The body is not announced as JSON"},
    422: {"model": Problem, "description": "The body is not what the schema says"},
    503: {"model": Problem, "description": "Too many requests are in flight"},
}


class BareRoute(APIRoute):
    """A route that stands in the OpenAPI page like any other, but whose handler gets the request as it came.

    FastAPI's own way from a body to an endpoint and back (parse, resolve, validate, encode) would about double the
    time that one row takes.
    """

    def get_route_handler(self) -> Any:
        return self.endpoint


class Fronted(FastAPI):
    """FastAPI behind our own layers, which would otherwise stand inside five of its own."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope["app"] = self
        await self.front(scope, receive, send)


def create_app() -> FastAPI:
    """Return the service that the environment describes, or raise `ArtifactRefused` or pydantic's `ValidationError`."""
    settings = Settings()
    return build_app(settings, load_predictor(settings))


def load_predictor(settings: Settings) -> Predictor:
    """Return the model that the master verified or the settings name: loaded and tried."""
    return Predictor(current_model(settings), settings.onnx_threads)


def build_app(settings: Settings, predictor: Predictor) -> FastAPI:
    """Return the service for a loaded model."""
    metrics = Metrics(predictor.name, predictor.version)
    service = Service(settings, predictor, metrics)
    app = Fronted(
        title=predictor.name,
        version=str(predictor.version),
        redirect_slashes=False,
        # It asks OpenTelemetry three times for each request whether anybody listens; here `Observed` does the counting.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.metrics = metrics
    _add_predictions(app, service)
    hot = HotPath(partial(FastAPI.__call__, app), [r for r in app.routes if isinstance(r, BareRoute)], _refused)
    admission = Admission(hot, settings.max_in_flight, metrics.refusals)
    app.front = Observed(admission, metrics, predictor.version, settings.access_log)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(NoAnswer, _refused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, failed)
    for route in InferenceProtocol(settings, predictor, metrics).routes():
        app.router.add_api_route(**route, route_class_override=BareRoute)
    app.get("/predict/test")(service.predict_test)
    app.get("/predict/test/label")(service.predict_test_label)
    app.get("/health")(service.health)
    app.get("/ready", responses={503: {"model": Problem, "description": "The model does not predict"}})(service.ready)
    app.get("/metadata")(service.metadata)
    app.get("/label")(service.label)
    app.get("/metrics", response_class=PlainTextResponse)(service.metrics)
    return app


def _add_predictions(app: FastAPI, service: Service) -> None:
    content = {"application/json": {"schema": service.schema.model_json_schema()}}
    for path, handler, answer in (
        ("/predict", service.predict, Prediction),
        ("/predict/label", service.predict_label, LabelPrediction),
    ):
        app.router.add_api_route(
            path,
            handler,
            methods=["POST"],
            response_model=answer,
            responses=REFUSALS,
            openapi_extra={"requestBody": {"required": True, "content": content}},
            route_class_override=BareRoute,
        )


async def _refused(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, HTTPException):
        return JSONResponse(problem(request.url.path, error.detail), error.status_code, error.headers)
    status, reason = (error.status, error.reason) if isinstance(error, Refused) else (422, "no_answer")
    request.app.state.metrics.refusals.labels(reason).inc()
    # After a slow body nothing more is read from its connection; after a large one the caller must get to this answer.
    return JSONResponse(
        problem(request.url.path, str(error)), status, {"connection": "close"} if status == 408 else None
    )
