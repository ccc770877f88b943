"""Tensors as the Open Inference Protocol sends them: in the JSON, or as bytes behind it."""

from codecs import BOM_UTF8
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import to_json

from ..errors import location
from ..model import Model
from ..rows import Arrays
from .binary import InvalidTensors, from_bytes, to_bytes
from .repeated_names import repeated_name
from .requests import DATATYPES, InferRequest, alike_inputs, requests_for

JSON_LENGTH = "inference-header-content-length"  # where the bytes begin; without this header, the whole body is JSON


class TensorReader:
    """Reads requests for one model; `outputs` names what may be requested."""

    def __init__(self, model: Model, outputs: list[str], max_rows: int) -> None:
        self._types = {tensor["name"]: tensor["dtype"] for tensor in model.inputs}
        self._missing, self._several = model.row_format.missing, len(alike_inputs(model)) > 1
        self.schema, self._binary = requests_for(model, outputs, max_rows)

    def read(self, body: bytes, json_length: str | None) -> tuple[InferRequest, Arrays]:
        """Return the request and its rows; raise `InvalidTensors` if the body is not what the schema describes."""
        end = len(body) if json_length is None else _parse_length(json_length, len(body))
        schema = self.schema if end == len(body) else self._binary
        text = body[:end].removeprefix(BOM_UTF8)  # where there is a length, the mark is not removed before
        try:
            request = schema.model_validate_json(text)
        except ValidationError as error:
            raise InvalidTensors(_most_telling_error(error, self._several)) from None
        if name := repeated_name(text, _count_names(request)):
            raise InvalidTensors(f"body: the name {name[:60]!r} comes twice in one object")
        behind, rows = memoryview(body)[end:], Arrays()
        for number, (tensor, size) in enumerate(zip(request.inputs, _sizes(request, len(behind)), strict=True)):
            place, shape, dtype = f"inputs[{number}]", list(tensor.shape), self._types[tensor.name]
            if tensor.name in rows or shape[0] != request.inputs[0].shape[0]:
                raise InvalidTensors(f"{place}: each input must be sent once, and all with as many rows")
            if size is None:
                values = np.array(tensor.data, object if dtype == "string" else dtype)
            else:
                values = from_bytes(behind[:size], dtype, place, tensor.name in self._missing)
                behind = behind[size:]
            if values.size != prod(shape):
                raise InvalidTensors(f"{place}.data: shape {shape} does not hold {values.size} values")
            rows[tensor.name] = values.reshape(shape)
        return request, rows


def _count_names(request: InferRequest) -> int:
    """Return how many names the objects of a request have, without those inside unknown fields."""
    parts = [*request.inputs, *(request.outputs or [])]
    parts += [request, request.parameters, *(part.parameters for part in parts)]
    return sum(len(part.model_fields_set) for part in parts if part is not None)


def _sizes(request: InferRequest, sent: int) -> list[int | None]:
    """Return the number of bytes of each input, or None if its values are in the JSON; `sent` bytes follow the JSON."""
    sizes: list[int | None] = []
    for number, tensor in enumerate(request.inputs):
        size = tensor.parameters.binary_data_size if tensor.parameters else None
        if size is None and tensor.data is None:
            raise InvalidTensors(f"inputs[{number}].parameters: Field required")
        if size is not None and tensor.data is not None:
            raise InvalidTensors(f"inputs[{number}].data: Input should be null")
        sizes.append(size)
    announced = sum(size or 0 for size in sizes)
    if announced != sent:
        number = max((number for number, size in enumerate(sizes) if size is not None), default=0)
        stated, left = sizes[number], sent - announced + (sizes[number] or 0)
        said = "not declared" if stated is None else stated
        raise InvalidTensors(f"inputs[{number}].parameters.binary_data_size: {said}, but {left} bytes follow")
    return sizes


def write(
    request: InferRequest, answer: dict[str, Any], names: list[str], outputs: dict[str, NDArray[Any]]
) -> tuple[bytes, int | None]:
    """Return `answer` with the named outputs, and the length of its JSON if bytes follow."""
    tensors: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for name, binary in zip(names, _binary(request, len(names)), strict=True):
        values = outputs[name]
        tensors.append({"name": name, "datatype": DATATYPES.get(values.dtype.name, "BYTES"), "shape": values.shape})
        if binary:
            behind.append(to_bytes(values))
            tensors[-1]["parameters"] = {"binary_data_size": len(behind[-1])}
        else:
            tensors[-1]["data"] = values.ravel().tolist()
    head = to_json({**answer, "outputs": tensors})
    return b"".join([head, *behind]), len(head) if behind else None


def _binary(request: InferRequest, count: int) -> list[bool]:
    """Return for each of `count` outputs whether it comes as bytes. An output's own parameter has precedence."""
    default = bool(request.parameters and request.parameters.binary_data_output)
    own = [output.parameters and output.parameters.binary_data for output in request.outputs or []]
    return [default if binary is None else binary for binary in own] or [default] * count


def _parse_length(json_length: str, size: int) -> int:
    if json_length.isascii() and json_length.isdigit() and len(json_length) < 20 and int(json_length) <= size:
        return int(json_length)
    raise InvalidTensors(
        f"{JSON_LENGTH}: must be a number of bytes, at most the body's {size}, not {json_length[:60]!r}"
    )


def _most_telling_error(error: ValidationError, several: bool) -> str:
    """Return pydantic's first error, or its last error of `data` if `data` was nested.

    `data` is tried flat first, so the first error of nested data is only that it is not flat. To a location, pydantic
    adds the form that it tried, and the name of the input if inputs have `several` types.
    """
    errors = error.errors(include_url=False, include_input=False)
    places = [loc[:2] + loc[3:] if several and loc[0] == "inputs" else loc for loc in (each["loc"] for each in errors)]
    first, where = errors[0], places[0]
    if where[2:3] == ("data",) and isinstance((*where, 0)[3], str):
        last = max(index for index, place in enumerate(places) if place[:3] == where[:3])
        if errors[last]["type"] != "list_type" or places[last][4:] not in ((), (0,)):
            first, where = errors[last], places[last]
        where = where[:3] + where[4:]
    no_bytes = where[-1:] == ("binary_data_size",) and first["type"] == "none_required"
    return f"{location(where)}: {'must be null, because 0 bytes follow' if no_bytes else first['msg']}"
