"""Tensors as the Open Inference Protocol sends them: in the JSON, or as bytes behind it."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import to_json

from ..errors import ServiceError, location
from .requests import DATATYPES, InferRequest, requests_for

JSON_LENGTH = "inference-header-content-length"  # where the bytes begin; without this header, the whole body is JSON


class InvalidTensors(ServiceError):
    """The request is not what its schema describes."""

    status, reason = 400, "invalid"


class TensorReader:
    """Reads requests for one graph: `rows` describes its input, `outputs` names what may be requested."""

    def __init__(self, rows: dict[str, Any], outputs: list[str], max_rows: int, sample: list[list[float]]) -> None:
        self._dtype = np.dtype(rows["dtype"])
        self.schema, self._binary = requests_for(rows, outputs, max_rows, sample)

    def read(self, body: bytes, json_length: str | None) -> tuple[InferRequest, NDArray[Any]]:
        """Return the request and its rows [n, width]; raise `InvalidTensors` if it is not what the schema describes."""
        end = len(body) if json_length is None else _parse_length(json_length, len(body))
        schema = self.schema if end == len(body) else self._binary
        try:
            request = schema.model_validate_json(body[:end])
        except ValidationError as error:
            raise InvalidTensors(_most_telling_error(error)) from None
        (tensor,) = request.inputs
        values = np.array(tensor.data, self._dtype) if schema is self.schema else self._values(tensor, body, end)
        if values.size != tensor.shape[0] * tensor.shape[1]:
            raise InvalidTensors(f"inputs[0].data: shape {list(tensor.shape)} does not hold {values.size} numbers")
        return request, values.reshape(tensor.shape)

    def _values(self, tensor: Any, body: bytes, start: int) -> NDArray[Any]:
        size, sent = tensor.parameters.binary_data_size, len(body) - start
        if size != sent or size % self._dtype.itemsize:
            unit = f"{self._dtype.itemsize} bytes for each number"
            raise InvalidTensors(f"inputs[0].parameters.binary_data_size: {size}, but {sent} bytes follow; {unit}")
        # A copy, because the bytes may begin at any address and a tensor may not.
        values = np.frombuffer(body, self._dtype.newbyteorder("<"), offset=start).astype(self._dtype)
        finite = np.isfinite(values)
        if not finite.all():
            raise InvalidTensors(f"inputs[0].data[{np.argmin(finite)}]: must be a finite number")
        return values


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
            behind.append(_little_endian(values))
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


def _little_endian(values: NDArray[Any]) -> bytes:
    if values.dtype.name in DATATYPES:
        return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = [text.encode() for text in values.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _parse_length(json_length: str, size: int) -> int:
    if json_length.isascii() and json_length.isdigit() and len(json_length) < 20 and int(json_length) <= size:
        return int(json_length)
    raise InvalidTensors(
        f"{JSON_LENGTH}: must be a number of bytes, at most the body's {size}, not {json_length[:60]!r}"
    )


def _most_telling_error(error: ValidationError) -> str:
    """Return pydantic's first error, or its second if `data` was nested.

    `data` is tried flat first, so the first error of nested data is only that it is not flat.
    """
    errors = error.errors(include_url=False, include_input=False)
    first, where = errors[0], errors[0]["loc"]
    if where[2:3] == ("data",):
        *_, nested = (each for each in errors if each["loc"][2:3] == ("data",))
        if nested["type"] != "list_type" or nested["loc"][4:] not in ((), (0,)):
            first, where = nested, nested["loc"]
        where = where[:3] + where[4:]
    return f"{location(where)}: {first['msg']}"
