"""The paths under /v2, as the OpenAPI page shows them for one model."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from ..model import Model
from . import api
from .answers import Failure, InferResponse, Live, ModelMetadata, Ready, ServerMetadata
from .requests import InferRequest, inlined
from .tensors import JSON_LENGTH

BYTES = {
    "schema": {"type": "string", "format": "binary", "description": f"JSON as long as {JSON_LENGTH}, then tensors"}
}
REFUSALS = {
    400: "The request is not what the schema describes, or ended early",
    404: "Another model or version",
    408: "The body arrived too slowly",
    413: "The body is too large",
    415: "The body is compressed, or declared as neither JSON nor bytes",
    503: "The model does not predict",
}


def routes(model: Model, request: type[InferRequest]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of `add_api_route` for each endpoint."""
    served = {"name": model.name, "version": str(model.version)}
    schema = request.model_json_schema()
    body = inlined(schema, schema["$defs"])
    yield _route("/v2", api.server, ServerMetadata, served)
    yield _route("/v2/health/live", api.live, Live, served)
    yield _route("/v2/health/ready", api.ready, Ready, served, 503)
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        yield _route(path, api.model_metadata, ModelMetadata, served, 404)
        yield _route(f"{path}/ready", api.model_ready, Ready, served, 404, 503)
        yield _route(f"{path}/infer", api.infer, InferResponse, served, 400, 404, 408, 413, 415, body=body)


def _route(
    path: str,
    endpoint: Callable[..., Awaitable[Response]],
    answer: type[BaseModel],
    served: dict[str, str],
    *refusals: int,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the arguments of `add_api_route`; `served` is what the path may name, `body` the schema of a POST's."""
    responses: dict[int, Any] = {code: {"model": Failure, "description": REFUSALS[code]} for code in refusals}
    names = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": [value]}}
        for name, value in served.items()
        if f"{{{name}}}" in path
    ]
    described: dict[str, Any] = {"parameters": names} if names else {}
    if body:
        content = {"application/json": {"schema": body}, "application/octet-stream": BYTES}
        described["requestBody"] = {"required": True, "content": content}
        responses[200] = {"content": {"application/octet-stream": BYTES}}
    return {
        "path": path,
        "endpoint": endpoint,
        "methods": ["POST" if body else "GET"],
        "response_model": answer,
        "responses": responses,
        "openapi_extra": described,
        "tags": ["Open Inference Protocol"],
    }
