"""The requests of the Open Inference Protocol, for one graph."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, create_model

# numpy's names of types, and the protocol's.
DATATYPES = {"bool": "BOOL", "string": "BYTES", "float16": "FP16", "float32": "FP32", "float64": "FP64"}
DATATYPES |= {f"{kind}{bits}": f"{kind.upper()}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}


class RequestPart(BaseModel):
    """A part of a request. Unknown fields are ignored, because the protocol's clients send some of their own.

    A feature that is not supported, such as shared memory, is a field that can only be null.
    """

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class RequestParameters(RequestPart):
    """Whether outputs come as bytes unless they ask for something else."""

    binary_data_output: bool | None = None


class OutputParameters(RequestPart):
    """Whether this output comes as bytes."""

    binary_data: bool | None = None
    classification: None = None
    shared_memory_region: None = None


class InputParameters(RequestPart):
    """The input is in `data`."""

    binary_data_size: None = None
    shared_memory_region: None = None


class BinaryParameters(RequestPart):
    """The input is this many bytes behind the JSON."""

    binary_data_size: NonNegativeInt
    shared_memory_region: None = None


class InferRequest(RequestPart):
    """The fields that do not depend on the graph; `requests_for` adds the others."""

    id: str | None = None
    parameters: RequestParameters | None = None
    inputs: list[Any]
    outputs: list[Any] | None = None


def requests_for(
    rows: dict[str, Any], outputs: list[str], max_rows: int, sample: list[list[float]]
) -> tuple[type[InferRequest], type[InferRequest]]:
    """Return the request whose input, the tensor `rows`, is in its JSON, and the one whose input follows as bytes."""
    width = rows["shape"][1]
    shape = (Annotated[int, Field(ge=1, le=max_rows)], _one_of(width))
    fields: dict[str, Any] = {
        "name": (_one_of(rows["name"]), ...),
        "datatype": (_one_of(DATATYPES[rows["dtype"]]), ...),
        "shape": (Annotated[tuple.__class_getitem__(shape), Field(examples=[[1, width]])], ...),
    }
    data = _data(width, float(np.finfo(rows["dtype"]).max), max_rows, sample)
    in_json: dict[str, Any] = {"parameters": (InputParameters | None, None), "data": (data, ...)}
    in_bytes: dict[str, Any] = {"parameters": (BinaryParameters, ...), "data": (None, None)}
    wanted: dict[str, Any] = {"name": (_one_of(*outputs), ...), "parameters": (OutputParameters | None, None)}
    output = _list(create_model("RequestedOutput", __base__=RequestPart, **wanted), 0, len(outputs))
    return (
        _request("InferRequest", create_model("Input", __base__=RequestPart, **fields, **in_json), output),
        _request("BinaryRequest", create_model("BinaryInput", __base__=RequestPart, **fields, **in_bytes), output),
    )


def _request(name: str, input_: type[RequestPart], output: Any) -> type[InferRequest]:
    return create_model(name, __base__=InferRequest, inputs=(_list(input_, 1, 1), ...), outputs=(output | None, None))


def _data(width: int, limit: float, max_rows: int, sample: list[list[float]]) -> Any:
    number = Annotated[float, Field(ge=-limit, le=limit)]
    flat = _list(number, width, width * max_rows)
    nested = _list(_list(number, width, width), 1, max_rows)
    return Annotated[flat | nested, Field(union_mode="left_to_right", examples=sample)]


def _list(kind: Any, shortest: int, longest: int) -> Any:
    # The list stops at its first error, so that many wrong rows do not become as many errors.
    return Annotated[list[kind], Field(min_length=shortest, max_length=longest, fail_fast=True)]


def _one_of(*values: Any) -> Any:
    # Without square brackets, in which mypy accepts only types that are known before the program runs.
    return Literal.__getitem__(values)


def inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """Return a JSON schema without `$ref`, which would point nowhere inside an OpenAPI page."""
    if isinstance(part, list):
        return [inlined(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {key: inlined(value, definitions) for key, value in part.items() if key != "$defs"}
