"""The transport protocol, and its implementation over gRPC: one call, no retries, and a timeout for every call.

A transport sends image files as they are, and turns every failure into a `ServingError`.
"""

import re
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf.json_format import MessageToDict

from .channel import grpc_target, open_channel
from .messages import bytes_tensor, get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc, tensor_values


class ServingError(Exception):
    """There is no prediction. `code` is the name of a gRPC status, over REST too."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {' '.join(message.split())}")
        self.code = code


# TensorFlow Serving's messages for a request that it refuses whatever the images are.
_WRONG_REQUEST = re.compile(
    "^(Malformed request|input size does not match|(in|out)put tensor alias|Serving signature|(Missing )?ModelSpec"
    "|Unrecognized servable|instances is a plain list|Failed to get input map|Expects |Signature input alias"
    r"|Inputs contains invalid name|Batching Run\(\))|is not of expected type"
)


def refusal(code: str, message: str) -> ServingError:
    """Return the error. `code` remains INVALID_ARGUMENT only if an image may be the cause."""
    if code == "INVALID_ARGUMENT" and _WRONG_REQUEST.search(message):
        code = "FAILED_PRECONDITION"
    return ServingError(code, message)


@dataclass(frozen=True)
class Prediction:
    """The most probable label of one image, and its probability from 0 to 1."""

    label: str
    probability: float


class Transport(Protocol):
    """Sends one request to a server. A call that fails raises `ServingError` after `timeout` seconds at the latest.

    `close` ends the calls of other threads with CANCELLED.
    """

    def predict(self, model: str, images: list[bytes], timeout: float) -> list[Prediction]: ...
    def metadata(self, model: str, timeout: float) -> dict[str, Any]: ...
    def close(self) -> None: ...


class GrpcTransport:
    """PredictionService behind `channel`, which may be an address; safe to use from many threads."""

    def __init__(self, channel: Any) -> None:
        self._channel = open_channel(grpc_target(channel)) if isinstance(channel, str) else channel
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._open = True

    def predict(self, model: str, images: list[bytes], timeout: float) -> list[Prediction]:
        # No output_filter: TensorFlow Serving batches only requests for all of a signature's outputs.
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.inputs["image"].CopyFrom(bytes_tensor(images))
        outputs = self.call(self.stub.Predict, request, timeout).outputs
        try:
            pairs = zip(tensor_values(outputs["label"]), tensor_values(outputs["probability"]), strict=True)
            return [Prediction(label.decode(), probability) for label, probability in pairs]
        except (TypeError, ValueError, AttributeError) as error:
            raise ServingError("UNKNOWN", f"the answer is not one label and probability per image: {error}") from error

    def metadata(self, model: str, timeout: float) -> dict[str, Any]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = model
        response = self.call(self.stub.GetModelMetadata, request, timeout)
        fields: dict[str, Any] = MessageToDict(
            response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        fields["metadata"]["signature_def"].pop("@type")  # the REST API does not show it
        return fields

    def close(self) -> None:
        self._open = False
        self._channel.close()

    def call(self, method: Any, request: Any, timeout: float) -> Any:
        try:
            return method(request, timeout=min(timeout, 86_400.0))  # gRPC has no time for infinity
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or "no details"
            if code == "CANCELLED" and self._open:  # a server that is shutting down refuses new calls with this code
                code = "UNAVAILABLE"
            if "http1.x server" in details:
                raise ServingError("FAILED_PRECONDITION", f"the server does not speak gRPC: {details}") from error
            raise refusal(code, details) from error
        except ValueError as error:  # the channel is closed
            raise ServingError("CANCELLED", str(error)) from error
