"""TensorFlow Serving's JSON requests, by row or by column, as gRPC's tensors, and the answers in the same form."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from ..messages import predict_pb2, types_pb2
from .values import from_tensor, shortest, to_tensor

Request = dict[str, Any]  # `instances` (rows) or `inputs` (columns), and `signature_name`


def read_request(text: str, signature: str | None) -> Request:
    """Return the request in a file: an object with `instances` or `inputs`, or a list of rows.

    Raises:
        ValueError: it is something else, a name appears twice, a number fits no double, or `signature` contradicts it.
    """
    request = json.loads(text, parse_float=_finite, object_pairs_hook=_members)
    request = {"instances": request} if isinstance(request, list) else request
    if not isinstance(request, dict) or len(request.keys() & {"instances", "inputs"}) != 1:
        raise ValueError('it must be {"instances": [row, ...]}, {"inputs": {name: column, ...}} or a list of rows')
    if unknown := request.keys() - {"instances", "inputs", "signature_name"}:
        raise ValueError(f"{min(unknown)!r} is not one of instances, inputs, signature_name")
    if not isinstance(request.get("instances", []), list):
        raise ValueError("'instances' must be a list of rows")
    given = request.pop("signature_name", None)
    if not isinstance(given, str | None):
        raise ValueError(f"its signature_name is {given!r:.80}, and must be a text")
    if signature and given and signature != given:
        raise ValueError(f"its signature_name is {given!r}, and --signature is {signature!r}")
    return {"signature_name": signature or given or "serving_default", **request}


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} fits in no double")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"a name appears twice in the object {str(members)[:80]}")
    return members


def fill(message: predict_pb2.PredictRequest, request: Request, expected: Mapping[str, Any]) -> None:
    """Add the tensors of `request` to `message`, in the types that `expected`, name to TensorInfo, has.

    Raises:
        ValueError: the request does not fit the signature.
    """
    columns = _columns(request, expected)
    if wrong := columns.keys() ^ expected.keys():
        raise ValueError(f"the signature has the inputs {', '.join(sorted(expected))}; {min(wrong)!r} does not match")
    for name, values in columns.items():
        try:
            message.inputs[name].CopyFrom(to_tensor(values, expected[name].dtype))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _columns(request: Request, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return each input's values. A signature with one input needs no name for it."""
    by_row = "instances" in request
    given = request["instances" if by_row else "inputs"]
    rows = given if by_row else [given]
    named = bool(rows) and all(isinstance(row, dict) and row.keys() != {"b64"} for row in rows)
    if not named:
        if len(expected) != 1:
            raise ValueError(f"each row must name the inputs {', '.join(sorted(expected))}")
        return dict.fromkeys(expected, given)
    if not by_row:
        return dict(given)
    if uneven := next((number for number, row in enumerate(rows) if row.keys() != rows[0].keys()), None):
        raise ValueError(f"row {uneven} does not have the names of row 0: {', '.join(sorted(rows[0]))}")
    return {name: [row[name] for row in rows] for name in rows[0]}


def answer_of(response: predict_pb2.PredictResponse, by_row: bool) -> Any:
    """Return `response` as the REST API has it: rows or columns, without a name for a single output.

    Raises:
        ValueError: an output has no JSON form, or the outputs do not have the same number of rows.
    """
    outputs = {name: _readable(name, tensor) for name, tensor in sorted(response.outputs.items())}
    if by_row and not all(isinstance(column, list) for column in outputs.values()):
        raise ValueError("an output has no rows; ask by column, with `inputs`")
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    if by_row:
        return [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    return outputs


def _readable(name: str, tensor: Any) -> Any:
    values = from_tensor(tensor)
    if tensor.dtype == types_pb2.DT_STRING:
        return _each(values, _b64 if name.endswith("_bytes") else _text)
    return _each(values, shortest) if tensor.dtype == types_pb2.DT_FLOAT else values


def _each(values: Any, change: Callable[[Any], Any]) -> Any:
    return [_each(value, change) for value in values] if isinstance(values, list) else change(values)


def _b64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


def _text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _b64(value)
