"""The requests of the Open Inference Protocol, for one graph."""

from math import prod
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, create_model

from ..model import Model
from ..rows import Arrays

# numpy's type names, and the protocol's.
DATATYPES = {"bool": "BOOL", "string": "BYTES", "float16": "FP16", "float32": "FP32", "float64": "FP64"}
DATATYPES |= {f"{kind}{bits}": f"{kind.upper()}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}

MOST_TYPES = 64  # of inputs in a request; a type for each of thousands of inputs would take a minute at the start


class RequestPart(BaseModel):
    """A part of a request. Unknown fields are ignored, because the protocol's clients send some of their own.

    A feature that is not supported, such as shared memory, is a field that can only be null.
    """

    # `allow` keeps the unknown fields, so that their names are counted; see `repeated_name`.
    # Only the whole request is built: building each part of hundreds of inputs as well would add seconds to the start.
    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow", defer_build=True)


class RequestParameters(RequestPart):
    """Whether outputs come as bytes. An output's own parameter has precedence."""

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
    """The input is in `data`, or is this many of the bytes after the JSON."""

    binary_data_size: NonNegativeInt | None = None
    shared_memory_region: None = None


class InferRequest(RequestPart):
    """The fields that do not depend on the graph; `requests_for` adds the others."""

    id: str | None = None
    parameters: RequestParameters | None = None
    inputs: list[Any]
    outputs: list[Any] | None = None


def requests_for(model: Model, outputs: list[str], max_rows: int) -> tuple[type[InferRequest], type[InferRequest]]:
    """Return the type of a request with all inputs in its JSON, and the type for inputs as bytes after the JSON."""
    wanted: dict[str, Any] = {"name": (_one_of(*outputs), ...), "parameters": (OutputParameters | None, None)}
    output = _list(create_model("RequestedOutput", __base__=RequestPart, **wanted), 0, len(outputs))
    samples = model.row_format.arrays([model.sample])
    requests = []
    for binary in (False, True):
        inputs = [
            _input(alike, model.row_format.types[alike[0]["name"]], max_rows, samples, binary)
            for alike in alike_inputs(model)
        ]
        one = Annotated[Union.__getitem__(tuple(inputs)), Field(discriminator="name")] if inputs[1:] else inputs[0]
        fields: dict[str, Any] = {
            "inputs": (_list(one, len(model.inputs), len(model.inputs)), ...),
            "outputs": (output | None, None),
        }
        requests.append(create_model("BinaryRequest" if binary else "InferRequest", __base__=InferRequest, **fields))
        requests[-1].model_rebuild()
    return requests[0], requests[1]


def alike_inputs(model: Model) -> list[list[dict[str, Any]]]:
    """Return the inputs, in lists of those that have one type in a request: each has its own, unless they are many."""
    if len(model.inputs) <= MOST_TYPES:
        return [[tensor] for tensor in model.inputs]
    alike: dict[Any, list[dict[str, Any]]] = {}
    for tensor in model.inputs:
        key = tensor["dtype"], *tensor["shape"], tensor["name"] in model.row_format.missing
        alike.setdefault(key, []).append(tensor)
    return list(alike.values())


def _input(alike: list[dict[str, Any]], kind: Any, max_rows: int, samples: Arrays, binary: bool) -> type[RequestPart]:
    """Return the type of inputs that are alike in the request; their values are of the type `kind`."""
    name, sizes, dtype = alike[0]["name"], alike[0]["shape"][1:], alike[0]["dtype"]
    shape = (Annotated[int, Field(ge=1, le=max_rows)], *map(_one_of, sizes))
    sample = samples[name].ravel().tolist()
    data = _data(kind, sizes, max_rows, [[None if value != value else value for value in sample]])
    fields: dict[str, Any] = {
        "name": (_one_of(*(tensor["name"] for tensor in alike)), ...),
        "datatype": (_one_of(DATATYPES[dtype]), ...),
        "shape": (Annotated[tuple.__class_getitem__(shape), Field(examples=[[1, *sizes]])], ...),
        "parameters": ((BinaryParameters if binary else InputParameters) | None, None),
        "data": (data | None, None) if binary else (data, ...),
    }
    return create_model(f"Input_{name}", __base__=RequestPart, **fields)


def _data(kind: Any, sizes: list[int], max_rows: int, examples: list[Any]) -> Any:
    """Return the type of the values of an input: one list, or a list for each dimension."""
    width, nested = prod(sizes), kind
    flat = _list(kind, width, width * max_rows)
    for size in reversed(sizes):
        nested = _list(nested, size, size)
    either = flat | _list(nested, 1, max_rows) if sizes else flat
    return Annotated[either, Field(union_mode="left_to_right", examples=examples)] if sizes else either


def _list(kind: Any, shortest: int, longest: int) -> Any:
    # The list stops at its first error, so that many wrong rows do not become as many errors.
    return Annotated[list[kind], Field(min_length=shortest, max_length=longest, fail_fast=True)]


def _one_of(*values: Any) -> Any:
    # Not `Literal[values]`, because mypy accepts only constants there.
    return Literal.__getitem__(values)


def inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """Return a JSON schema without `$ref`, which would not resolve inside an OpenAPI document."""
    if isinstance(part, list):
        return [inlined(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {key: inlined(value, definitions) for key, value in part.items() if key != "$defs"}
