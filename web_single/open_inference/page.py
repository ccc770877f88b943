"""What the OpenAPI page shows of the Open Inference Protocol: answers, refusals and paths."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from .requests import InferRequest, inlined

JSON_LENGTH = "inference-header-content-length"  # where the bytes begin; without it, all of a body is JSON
BYTES = {
    "schema": {"type": "string", "format": "binary", "description": f"JSON as long as {JSON_LENGTH}, then tensors"}
}
REFUSALS = {
    400: "The request is not what the schema says, or was cut off",
    404: "Another model or version",
    408: "The body came too slowly",
    413: "The body is too large",
    415: "The body is compressed, or announced as neither JSON nor bytes",
    503: "The model does not predict",
}


class ServerMetadata(BaseModel):
    """The server, and what it speaks beyond the protocol."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """An input or output of the graph; -1 in `shape` stands for the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """The model that is served, what it takes and gives."""

    name: str
    versions: list[str]
    platform: str = "onnxruntime_onnx"
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ResponseOutput(BaseModel):
    """One output, row by row: in `data`, or as `binary_data_size` bytes behind the JSON, little-endian."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: list[float | str | bool] | None = None


class InferResponse(BaseModel):
    """The outputs in the order they were asked for, else in the graph's; each has an entry for each row."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[ResponseOutput]


class Live(BaseModel):
    """The process lives."""

    live: bool = True


class Ready(BaseModel):
    """The model predicts."""

    name: str | None = None
    ready: bool = True


class Failure(BaseModel):
    """Why there is no answer: the field and the limit."""

    error: str


def route(
    path: str,
    handler: Callable[[Request], Awaitable[Response]],
    answer: type[BaseModel],
    *refusals: int,
    served: dict[str, str],
    asked: type[InferRequest] | None = None,
) -> dict[str, Any]:
    """Return the arguments of `add_api_route`; `served` is what may stand in the path, `asked` the body of a POST."""
    responses: dict[int, Any] = {code: {"model": Failure, "description": REFUSALS[code]} for code in refusals}
    names = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": [value]}}
        for name, value in served.items()
        if f"{{{name}}}" in path
    ]
    described: dict[str, Any] = {"parameters": names} if names else {}
    if asked:
        schema = asked.model_json_schema()
        content = {"application/json": {"schema": inlined(schema, schema["$defs"])}, "application/octet-stream": BYTES}
        described["requestBody"] = {"required": True, "content": content}
        responses[200] = {"content": {"application/octet-stream": BYTES}}
    return {
        "path": path,
        "endpoint": handler,
        "methods": ["POST" if asked else "GET"],
        "response_model": answer,
        "responses": responses,
        "openapi_extra": described,
        "tags": ["Open Inference Protocol"],
    }
