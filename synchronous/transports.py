"""The two protocols of TensorFlow Serving: one call each, no retries, every call with its seconds.

Both take images as they are in their files and turn every failure into a `ServingError`.
"""

import asyncio
import base64
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import grpc
from google.protobuf.json_format import MessageToDict

from .messages import bytes_tensor, get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc, tensor_values

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
NO_SIZE_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# gRPC waits a second before it tries an address again, and up to two minutes later on: longer than most budgets.
RECONNECT_SOON = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
_CODES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 501: "UNIMPLEMENTED"}
_CODES |= {500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}


class ServingError(Exception):
    """No answer: `code` is the name of a gRPC status, in REST too."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {' '.join(message.split())}")
        self.code = code


@dataclass(frozen=True)
class Prediction:
    """The most probable label of one image, and its probability in 0..1."""

    label: str
    probability: float


class Transport(Protocol):
    """One call to a serving program; raises `ServingError`, after `timeout` seconds at the latest."""

    def predict(self, model: str, images: list[bytes], timeout: float) -> list[Prediction]: ...
    def metadata(self, model: str, timeout: float) -> dict[str, Any]: ...
    def close(self) -> None: ...


class GrpcTransport:
    """PredictionService at `target`, host:port; one channel, safe to use from many threads."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(target, options=[*NO_SIZE_LIMIT, *RECONNECT_SOON])
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def predict(self, model: str, images: list[bytes], timeout: float) -> list[Prediction]:
        request = predict_pb2.PredictRequest(output_filter=["label", "probability"])
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
        fields["metadata"]["signature_def"].pop("@type")  # REST does not show it
        return fields

    def close(self) -> None:
        self._channel.close()

    def _call(self, method: Any, request: Any, timeout: float) -> Any:
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            raise ServingError(error.code().name, error.details() or "no details") from error


class RestTransport:
    """The REST API at `url`; one pool of connections, safe to use from many threads."""

    def __init__(self, url: str) -> None:
        import httpx  # not at the top: who speaks gRPC need not wait for it

        # httpx can limit each read and each write but not their sum; asyncio limits the whole call.
        self._http = httpx.AsyncClient(base_url=url, timeout=None)  # noqa: S113
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def predict(self, model: str, images: list[bytes], timeout: float) -> list[Prediction]:
        body = {"instances": [{"b64": base64.b64encode(image).decode()} for image in images]}
        request = self._http.post(f"/v1/models/{model}:predict", json=body)
        return self._call(request, timeout, _predictions)

    def metadata(self, model: str, timeout: float) -> dict[str, Any]:
        return self._call(self._http.get(f"/v1/models/{model}/metadata"), timeout, dict[str, Any])

    def close(self) -> None:
        self._run(self._http.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _call(self, request: "Coroutine[Any, Any, httpx.Response]", timeout: float, read: Callable[[Any], T]) -> T:
        import httpx

        try:
            response = self._run(asyncio.wait_for(request, timeout))
            if response.is_success:
                return read(response.json())
            message = str(response.json()["error"])
        except TimeoutError as error:
            raise ServingError("DEADLINE_EXCEEDED", f"no answer within {timeout:.3g} s") from error
        except httpx.TransportError as error:
            raise ServingError("UNAVAILABLE", str(error) or type(error).__name__) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ServingError("UNKNOWN", f"HTTP {response.status_code} with an answer in no known form") from error
        raise ServingError(_CODES.get(response.status_code, "UNKNOWN"), message)


def _predictions(answer: Any) -> list[Prediction]:
    return [Prediction(row["label"], row["probability"]) for row in answer["predictions"]]
