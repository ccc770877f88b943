"""Ask one signature, over gRPC or REST, with the client's budget and retries."""

import json
import time
from typing import Any
from urllib.parse import quote

from google.protobuf.message import DecodeError

from ..client import Client
from ..messages import get_model_metadata_pb2, predict_pb2
from ..transport import GrpcTransport, ServingError
from .forms import Request, answer_of, fill


def ask(client: Client, request: Request, timeout: float, version: int | None = None) -> Any:
    """Return the answer: a list of rows for `instances`, columns for `inputs`, as the REST API has them.

    Raises:
        ServingError: there is no answer, or it is not TensorFlow Serving's.
        ValueError: `request` does not fit the signature.
    """
    ask_once = _over_grpc if isinstance(client.transport, GrpcTransport) else _over_rest
    return client.retried(lambda left: ask_once(client, request, version, left), time.monotonic() + timeout)


def _over_rest(client: Client, request: Request, version: int | None, timeout: float) -> Any:
    path = f"/v1/models/{quote(client.model, safe='')}" + (f"/versions/{version}" if version is not None else "")
    by_row = "instances" in request
    transport: Any = client.transport  # the one of the folder rest/
    answer = transport.call("POST", f"{path}:predict", lambda: _to_json(request), timeout, dict[str, Any])
    try:
        return answer["predictions" if by_row else "outputs"]
    except KeyError as error:
        raise ServingError("UNKNOWN", f"the answer has no {error}") from error


def _to_json(request: Request) -> bytes:
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()  # httpx's has no NaN, no infinity


def _over_grpc(client: Client, request: Request, version: int | None, timeout: float) -> Any:
    deadline, transport = time.monotonic() + timeout, client.transport
    assert isinstance(transport, GrpcTransport)
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = client.model, request["signature_name"]
    if version is not None:
        message.model_spec.version.value = version
    fill(message, request, _inputs(transport, message.model_spec, timeout))
    response = transport.call(transport.stub.Predict, message, max(0.001, deadline - time.monotonic()))
    try:
        return answer_of(response, "instances" in request)
    except ValueError as error:
        raise ServingError("UNKNOWN", f"the answer cannot be shown: {error}") from error


def _inputs(transport: GrpcTransport, spec: Any, timeout: float) -> Any:
    """Return the inputs of the signature, name to TensorInfo."""
    question = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    question.model_spec.name = spec.name
    if spec.HasField("version"):
        question.model_spec.version.value = spec.version.value
    found = get_model_metadata_pb2.SignatureDefMap()
    answer = transport.call(transport.stub.GetModelMetadata, question, timeout)
    try:
        answer.metadata["signature_def"].Unpack(found)
    except DecodeError as error:
        raise ServingError("UNKNOWN", f"the signatures cannot be read: {error}") from error
    if spec.signature_name not in found.signature_def:
        known = ", ".join(sorted(name for name in found.signature_def if not name.startswith("__")))
        raise ServingError("FAILED_PRECONDITION", f"the model has the signatures {known}, not {spec.signature_name}")
    return found.signature_def[spec.signature_name].inputs
