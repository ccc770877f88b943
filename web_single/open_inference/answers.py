"""The answers of the Open Inference Protocol, as the OpenAPI page shows them."""

from pydantic import BaseModel


class ServerMetadata(BaseModel):
    """The server, and what it supports beyond the protocol."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """An input or output of the graph; -1 in `shape` is the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """The model, its inputs and its outputs."""

    name: str
    versions: list[str]
    platform: str = "onnxruntime_onnx"
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ResponseOutput(BaseModel):
    """One output, row by row: in `data`, or as `binary_data_size` bytes after the JSON, little-endian."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: list[float | str | bool] | None = None


class InferResponse(BaseModel):
    """The outputs in the request's order, or in the graph's if it names none; each has an entry for each row."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[ResponseOutput]


class Live(BaseModel):
    """The process is alive."""

    live: bool = True


class Ready(BaseModel):
    """The model predicts."""

    name: str | None = None
    ready: bool = True


class Failure(BaseModel):
    """Why there is no answer: the field and the limit."""

    error: str
