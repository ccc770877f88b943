"""TensorFlow Serving's REST API: status, metadata and predict under /v1/models."""

import json
import re
from collections.abc import Iterable

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis import model_pb2

from .errors import RequestRefused, invalid
from .messages import get_model_metadata_pb2 as metadata_pb2
from .messages import get_model_status_pb2 as status_pb2
from .service import Service

_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_MODEL = rf"/v1/models/(?P<name>[^/:]+){_VERSION}"
_POST = re.compile(_MODEL + ":(?P<method>classify|regress|predict)", re.IGNORECASE | re.ASCII)
_GET = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?:/(?P<method>metadata))?", re.IGNORECASE | re.ASCII)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_HTTP_STATUS = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


def create_app(service: Service, timeout: float, more: Iterable[Route]) -> Starlette:
    """Return the API of `service`, with `more` routes. A predict call may run for `timeout` seconds."""

    async def answer(request: Request) -> Response:
        if request.method != "POST":
            return _reply(_get(service, request))
        try:
            body = await request.body()
        except ClientDisconnect as error:
            raise RequestRefused(grpc.StatusCode.CANCELLED, "the client disconnected") from error
        return _reply(await run_in_threadpool(_post, service, request, body, timeout))

    return Starlette(
        routes=[Route("/v1/{rest:path}", answer, methods=_METHODS), *more],
        exception_handlers={RequestRefused: _refuse},  # type: ignore[dict-item]
    )


def _get(service: Service, request: Request) -> bytes:
    spec, method = _model_spec(_GET if request.method in ("GET", "HEAD") else None, request)
    if not spec.name:
        raise invalid("Missing model name in request.")
    if method is None:
        return _to_json(service.status(status_pb2.GetModelStatusRequest(model_spec=spec)))
    wanted = metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
    return _to_json(service.metadata(wanted))


def _post(service: Service, request: Request, body: bytes, timeout: float) -> bytes:
    spec, method = _model_spec(_POST, request)
    if method != "predict":
        message = f"this server does not answer {method}, only predict"
        raise RequestRefused(grpc.StatusCode.UNIMPLEMENTED, message)
    return service.predict_json(spec, body, timeout)


def _model_spec(pattern: re.Pattern[str] | None, request: Request) -> tuple[model_pb2.ModelSpec, str | None]:
    found = pattern.fullmatch(request.url.path) if pattern else None
    if found is None:
        raise invalid(f"Malformed request: {request.method} {request.url.path}")
    spec = model_pb2.ModelSpec(name=found["name"], version_label=found["label"])
    if found["version"]:
        if len(found["version"]) > 18:
            raise invalid(f"Failed to convert version: {found['version']} to numeric.")
        spec.version.value = int(found["version"])
    return spec, found["method"] and found["method"].lower()


def _to_json(message: Message) -> bytes:
    fields = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    fields.get("metadata", {}).get("signature_def", {}).pop("@type", None)  # TensorFlow Serving unpacks the Any
    return json.dumps(fields, indent=1).encode()


def _reply(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _refuse(request: Request, error: RequestRefused) -> Response:
    body = json.dumps({"error": str(error)})
    return Response(body, _HTTP_STATUS.get(error.code, 500), media_type="application/json")
