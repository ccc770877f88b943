"""Tensors as the Open Inference Protocol lays them out: in the JSON, or as bytes behind it."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import to_json

from ..bodies import Refused
from ..rows import place
from .page import JSON_LENGTH
from .requests import DATATYPES, InferRequest, requests_for


class TensorReader:
    """Reads requests for one graph: `rows` describes its input, `outputs` names what may be asked for."""

    def __init__(self, rows: dict[str, Any], outputs: list[str], max_rows: int, sample: list[list[float]]) -> None:
        self._dtype = np.dtype(rows["dtype"])
        self.schema, self._binary = requests_for(rows, outputs, max_rows, sample)

    def read(self, body: bytearray, json_length: str | None) -> tuple[InferRequest, NDArray[Any]]:
        """Return what is asked for, and the rows [n, width].

        Raises:
            Refused: 400 for anything that is not what the schema says.
        """
        end = len(body) if json_length is None else _bounded(json_length, len(body))
        schema = self.schema if end == len(body) else self._binary
        try:
            asked = schema.model_validate_json(body[:end])
        except ValidationError as error:
            raise Refused(400, _reason(error)) from None
        (tensor,) = asked.inputs
        values = np.array(tensor.data, self._dtype) if schema is self.schema else self._values(tensor, body, end)
        if values.size != tensor.shape[0] * tensor.shape[1]:
            raise Refused(400, f"inputs[0].data: shape {list(tensor.shape)} does not hold {values.size} numbers")
        return asked, values.reshape(tensor.shape)

    def _values(self, tensor: Any, body: bytearray, start: int) -> NDArray[Any]:
        size, sent = tensor.parameters.binary_data_size, len(body) - start
        if size != sent or size % self._dtype.itemsize:
            unit = f"{self._dtype.itemsize} bytes for each number"
            raise Refused(400, f"inputs[0].parameters.binary_data_size: {size}, but {sent} bytes follow; {unit}")
        # A copy, for the bytes may begin at any address, and a tensor may not.
        values = np.frombuffer(body, self._dtype.newbyteorder("<"), offset=start).astype(self._dtype)
        finite = np.isfinite(values)
        if not finite.all():
            raise Refused(400, f"inputs[0].data[{np.argmin(finite)}]: must be a finite number")
        return values


def write(
    asked: InferRequest, answer: dict[str, Any], names: list[str], outputs: dict[str, NDArray[Any]]
) -> tuple[bytes, int | None]:
    """Return `answer` with the named outputs, and how much of it is JSON if bytes follow."""
    tensors: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for name, binary in zip(names, _binary(asked, len(names)), strict=True):
        values = outputs[name]
        tensors.append({"name": name, "datatype": DATATYPES.get(values.dtype.name, "BYTES"), "shape": values.shape})
        if binary:
            behind.append(_little_endian(values))
            tensors[-1]["parameters"] = {"binary_data_size": len(behind[-1])}
        else:
            tensors[-1]["data"] = values.ravel().tolist()
    head = to_json({**answer, "outputs": tensors})
    return b"".join([head, *behind]), len(head) if behind else None


def _binary(asked: InferRequest, count: int) -> list[bool]:
    """Tell for each of `count` outputs whether it is to come as bytes; what an output says goes before the rest."""
    usual = bool(asked.parameters and asked.parameters.binary_data_output)
    own = [output.parameters and output.parameters.binary_data for output in asked.outputs or []]
    return [usual if binary is None else binary for binary in own] or [usual] * count


def _little_endian(values: NDArray[Any]) -> bytes:
    if values.dtype.name in DATATYPES:
        return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = [text.encode() for text in values.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _bounded(json_length: str, size: int) -> int:
    if json_length.isascii() and json_length.isdigit() and len(json_length) < 20 and int(json_length) <= size:
        return int(json_length)
    raise Refused(400, f"{JSON_LENGTH}: must be a number of bytes, at most the body's {size}, not {json_length[:60]!r}")


def _reason(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False)
    fault, where = faults[0], faults[0]["loc"]
    if where[2:3] == ("data",):
        # It is tried flat and then nested. The second fault tells more, unless it is that `data` is not nested at all.
        *_, nested = (each for each in faults if each["loc"][2:3] == ("data",))
        if nested["type"] != "list_type" or nested["loc"][4:] not in ((), (0,)):
            fault, where = nested, nested["loc"]
        where = where[:3] + where[4:]
    return f"{place(where)}: {fault['msg']}"
