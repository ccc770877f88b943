"""TensorFlow Serving's REST API: status, metadata and predict under /v1/models."""

import asyncio
import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis import model_pb2

from .errors import RequestRefused, invalid
from .flags import Flags
from .http_body import unpacked
from .messages import get_model_metadata_pb2 as metadata_pb2
from .messages import get_model_status_pb2 as status_pb2
from .service import Service
from .versions import HIGHEST

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


def create_app(service: Service, flags: Flags, more: Iterable[Route]) -> Starlette:
    """Return the API of `service`, with `more` routes."""
    timeout, threads = flags.rest_api_timeout_in_ms / 1000, ThreadPoolExecutor(flags.rest_api_num_threads, "rest")
    cors = Middleware(CORSMiddleware, allow_origins="*", allow_methods=["POST", "GET"], allow_headers=["Content-Type"])

    async def answer(request: Request) -> Response:
        if not request.url.path.lower().startswith("/v1/"):
            return Response("Not Found", 404, media_type="text/plain")
        if request.method != "POST":
            return _reply(_get(service, request))
        try:
            body = await request.body()
        except ClientDisconnect as error:
            raise RequestRefused(grpc.StatusCode.CANCELLED, "the client disconnected") from error
        loop = asyncio.get_running_loop()
        return _reply(await loop.run_in_executor(threads, _post, service, request, body, timeout))

    return Starlette(
        routes=[*more, Route("/{rest:path}", answer, methods=_METHODS)],
        middleware=[cors] if flags.rest_api_enable_cors_support else [],
        exception_handlers={RequestRefused: _refuse},  # type: ignore[dict-item]
    )


def _get(service: Service, request: Request) -> bytes:
    spec, method = _model_spec(_GET if request.method == "GET" else None, request)
    if not spec.name:
        raise invalid("Missing model name in request.")
    if method != "metadata":
        return _to_json(service.status(status_pb2.GetModelStatusRequest(model_spec=spec)))
    wanted = metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
    return _to_json(service.metadata(wanted))


def _post(service: Service, request: Request, body: bytes, timeout: float) -> bytes:
    spec, method = _model_spec(_POST, request)
    if method not in ("classify", "regress", "predict"):  # the letters' case is ignored in the path, but not here
        raise _malformed(request)
    if method not in service.json_methods:
        raise RequestRefused(grpc.StatusCode.UNIMPLEMENTED, f"this server does not answer {method}")
    content = unpacked(body, request.headers.get("content-encoding", ""))
    return service.json_methods[method](spec, content, timeout)


def _model_spec(pattern: re.Pattern[str] | None, request: Request) -> tuple[model_pb2.ModelSpec, str | None]:
    found = pattern.fullmatch(_path(request)) if pattern else None
    if found is None:
        raise _malformed(request)
    spec = model_pb2.ModelSpec()
    spec.name = _decoded(found["name"] or "", "model name")
    if found["label"]:
        spec.version_label = _decoded(found["label"], "model version label")
    if found["version"]:
        if len(found["version"]) > 19 or int(found["version"]) > HIGHEST:
            raise invalid(f"Failed to convert version: {found['version']} to numeric.")
        spec.version.value = int(found["version"])
    return spec, found["method"]


def _decoded(text: str, what: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise invalid(f"Failed to decode {what}:{text}") from error


def _path(request: Request) -> str:
    """Return the path as it was sent, with the query: a name in it may hold %2F, and no URL of the API has a query."""
    path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _malformed(request: Request) -> RequestRefused:
    return invalid(f"Malformed request: {request.method} {_path(request)}")


def _to_json(message: Message) -> bytes:
    fields = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    fields.get("metadata", {}).get("signature_def", {}).pop("@type", None)  # TensorFlow Serving unpacks the Any
    return json.dumps(fields, indent=1).encode()


def _reply(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _refuse(request: Request, error: RequestRefused) -> Response:
    body = json.dumps({"error": str(error)})
    return Response(body, _HTTP_STATUS.get(error.code, 500), media_type="application/json")
