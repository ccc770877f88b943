"""Ask TensorFlow Serving for labels: one gRPC call for each batch."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from . import messages
from .consumer import Result
from .settings import Settings

# TensorFlow Serving cannot serve this model now, whatever the images: it is down, loading or misconfigured.
_UNAVAILABLE = {"UNAVAILABLE", "CANCELLED", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED"}
# One image may be the cause, or the batch is larger than TensorFlow Serving accepts.
_ONE_BY_ONE = {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),  # a proxy in the environment, as Docker may set it, may not reach other containers
    ("grpc.use_local_subchannel_pool", 1),  # a new channel opens a new connection
    ("grpc.max_reconnect_backoff_ms", 1000),  # the default of two minutes would outlast the outage
]


class ServingUnavailable(Exception):
    """There is no answer, and no image is the cause, except perhaps if the server is `lost`."""

    lost = False


class PredictFailed(Exception):
    """TensorFlow Serving was asked, and did not return one label for each image in time."""


def open_channel(address: str, more: Sequence[tuple[str, Any]] = ()) -> grpc.Channel:
    """Return a channel to one address. It connects at the first call and reconnects by itself."""
    return grpc.insecure_channel(address, options=[*CHANNEL_OPTIONS, *more])


class Model:
    """The model as a worker process sees it, through the channel that `connect` opens to SERVING_GRPC."""

    def __init__(self, settings: Settings, connect: Callable[[str], Any] = open_channel) -> None:
        self._settings, self._open = settings, connect
        self._connect()

    def _connect(self) -> None:
        self._channel = self._open(self._settings.serving_grpc)
        self._prediction = messages.prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def predict(self, images: Sequence[bytes]) -> list[Result]:
        """Return one result for each image, within PREDICT_TIMEOUT; or raise one of the two exceptions above."""
        return self._predict(images, time.monotonic() + self._settings.predict_timeout)

    def _predict(self, images: Sequence[bytes], deadline: float) -> list[Result]:
        try:
            return self._call(images, deadline)
        except grpc.RpcError as error:
            code, reason = error.code().name, f"{error.code().name}: {(error.details() or 'no details')[:300]}"
            if code in _ONE_BY_ONE and len(images) > 1:  # so that a bad image affects only itself
                return [self._predict([image], deadline)[0] for image in images]
            if code == "INVALID_ARGUMENT":
                return [Result(refused=reason)]
            if code in _UNAVAILABLE:
                raise ServingUnavailable(reason) from error
            raise PredictFailed(reason) from error

    def _call(self, images: Sequence[bytes], deadline: float) -> list[Result]:
        spec = {"name": self._settings.model_name, "signature_name": "serving_default"}
        request = messages.predict_pb2.PredictRequest(model_spec=spec)
        if self._settings.model_version:
            request.model_spec.version.value = self._settings.model_version
        request.inputs["image"].CopyFrom(messages.bytes_tensor(images))
        outputs = self._prediction.Predict(request, timeout=max(deadline - time.monotonic(), 0)).outputs
        if not {"label", "probability"} <= outputs.keys():
            raise PredictFailed(f"the model's outputs are {sorted(outputs)}, not label and probability")
        labels, probabilities = messages.tensor_values(outputs["label"]), messages.tensor_values(outputs["probability"])
        if not len(labels) == len(probabilities) == len(images):
            raise PredictFailed(f"{len(labels)} labels for {len(images)} images")
        if not all(map(math.isfinite, probabilities)):
            raise PredictFailed("a probability is not finite")  # JSON cannot express it
        return [Result(label.decode(), probability) for label, probability in zip(labels, probabilities, strict=True)]
