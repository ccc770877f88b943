"""The transport protocol, and its implementation over gRPC: one call, no retries, and a timeout for every call.

A transport sends image files as they are, and turns every failure into a `ServingError`.
"""

from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import grpc
from google.protobuf.json_format import MessageToDict

from .messages import bytes_tensor, get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc, tensor_values

NO_SIZE_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# By default gRPC waits a second before it connects again, and later up to two minutes: longer than most budgets.
RECONNECT_SOON = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
# On Linux this also drops a connection on which nothing was acknowledged for 10 seconds; the kernel would wait for a
# quarter of an hour. A ping is sent every 5 minutes, and only during a call: a server with gRPC's defaults closes
# connections that ping more often (ENHANCE_YOUR_CALM, too_many_pings).
KEEPALIVE = [("grpc.keepalive_time_ms", 300_000), ("grpc.keepalive_timeout_ms", 10_000)]


class ServingError(Exception):
    """There is no prediction. `code` is the name of a gRPC status, over REST too."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {' '.join(message.split())}")
        self.code = code


@dataclass(frozen=True)
class Prediction:
    """The most probable label of one image, and its probability from 0 to 1."""

    label: str
    probability: float


class Transport(Protocol):
    """Sends one request to a server. It raises `ServingError`, after `timeout` seconds at the latest.

    `close` ends the calls of other threads with CANCELLED.
    """

    def predict(self, model: str, images: list[bytes], timeout: float) -> list[Prediction]: ...
    def metadata(self, model: str, timeout: float) -> dict[str, Any]: ...
    def close(self) -> None: ...


class GrpcTransport:
    """PredictionService at `target`, host:port; one channel, safe to use from many threads."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(target, options=[*NO_SIZE_LIMIT, *RECONNECT_SOON, *KEEPALIVE])
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._open = True

    def predict(self, model: str, images: list[bytes], timeout: float) -> list[Prediction]:
        # No output_filter: TensorFlow Serving batches only requests for all of a signature's outputs.
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.inputs["image"].CopyFrom(bytes_tensor(images))
        outputs = self._call(self._stub.Predict, request, timeout).outputs
        try:
            pairs = zip(tensor_values(outputs["label"]), tensor_values(outputs["probability"]), strict=True)
            return [Prediction(label.decode(), probability) for label, probability in pairs]
        except (TypeError, ValueError, AttributeError) as error:
            raise ServingError("UNKNOWN", f"the answer is not one label and probability per image: {error}") from error

    def metadata(self, model: str, timeout: float) -> dict[str, Any]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = model
        response = self._call(self._stub.GetModelMetadata, request, timeout)
        fields: dict[str, Any] = MessageToDict(
            response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        fields["metadata"]["signature_def"].pop("@type")  # the REST API does not show it
        return fields

    def close(self) -> None:
        self._open = False
        self._channel.close()

    def _call(self, method: Any, request: Any, timeout: float) -> Any:
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            code = error.code().name
            if code == "CANCELLED" and self._open:  # a server that is shutting down refuses new calls like this
                code = "UNAVAILABLE"
            raise ServingError(code, error.details() or "no details") from error
        except ValueError as error:  # the channel is closed
            raise ServingError("CANCELLED", str(error)) from error


def server_url(target: str, port: int) -> SplitResult:
    """Return the URL of `target`, which is a host, host:port or URL, with `port` where it names none.

    Raises:
        ValueError: `target` is not a valid address.
    """
    url = urlsplit(target if "://" in target else f"http://{target}")
    if not url.hostname or url.scheme not in ("http", "https"):
        raise ValueError(f"{target!r} is not a valid address (host, host:port or URL)")
    return url if url.port or url.scheme == "https" else url._replace(netloc=f"{url.netloc}:{port}")
