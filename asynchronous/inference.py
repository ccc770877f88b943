"""Ask the serving program for labels: one gRPC call for a batch."""

import math
import random
import time
from collections.abc import Sequence

import grpc

from .consumer import Result
from .messages import (
    bytes_tensor,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    tensor_values,
)
from .settings import Settings

# The serving program cannot serve this model now, whatever the images: it is down, loading, or set up wrongly.
_AWAY = {"UNAVAILABLE", "CANCELLED", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED"}
# One image may have spoilt the batch, or the batch is more than the serving program takes.
_SPOILT = {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),  # one in the environment, as Docker may put there, does not lead to a neighbour
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection
    ("grpc.max_reconnect_backoff_ms", 1000),  # the default of two minutes would outlast the outage
]


class ServingAway(Exception):
    """No answer, for no reason that is known to lie in the images. `lost`: it was there, and is gone after the call."""

    def __init__(self, reason: str, *, lost: bool) -> None:
        super().__init__(reason)
        self.lost = lost


class PredictFailed(Exception):
    """The serving program was asked, and did not give one label per image in time."""


class Model:
    """The model as a worker process sees it; the connection is made at the first use and mends itself."""

    def __init__(self, settings: Settings) -> None:
        self._target = settings.serving_grpc
        self._connect()
        self._name, self._version, self._timeout = settings.model_name, settings.model_version, settings.predict_timeout

    def _connect(self) -> None:
        self._channel = grpc.insecure_channel(self._target, options=_CHANNEL_OPTIONS)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._status = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def serving(self, seconds: float, *, wait: bool = True) -> bool:
        """Say whether the model can be asked; with `wait`, give the serving program up to `seconds` to come."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._name
        try:
            answer = self._status.GetModelStatus(request, timeout=seconds, wait_for_ready=wait)
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.UNIMPLEMENTED  # it is there, and cannot tell
        return any(version.state == version.AVAILABLE for version in answer.model_version_status)

    def predict(self, images: Sequence[bytes]) -> list[Result]:
        """Return one result for each image, within PREDICT_TIMEOUT for all of them.

        Raises:
            ServingAway: nothing is known about the images; ask again later.
            PredictFailed: too slow, an internal error, or no answer to use.
        """
        return self._predict(images, time.monotonic() + self._timeout)

    def _predict(self, images: Sequence[bytes], until: float, tries: int = 3) -> list[Result]:
        try:
            return self._call(images, until - time.monotonic())
        except grpc.RpcError as error:
            code, reason = error.code().name, f"{error.code().name}: {error.details()[:300]}"
            if code in _SPOILT and len(images) > 1:  # one by one, so that a bad image costs only itself
                return [self._predict([image], until)[0] for image in images]
            if code == "INVALID_ARGUMENT" and tries > 1:
                # A serving program that batches blames this image for what another caller sent at the same moment.
                time.sleep(random.uniform(0, 0.05))  # noqa: S311  nobody has to be kept from guessing it
                return self._predict(images, until, tries - 1)
            if code == "INVALID_ARGUMENT":
                return [Result(refused=reason)]
            lost = code in ("UNAVAILABLE", "DEADLINE_EXCEEDED") and not self.serving(1, wait=False)
            if lost and code == "DEADLINE_EXCEEDED":
                self._channel.close()  # its machine may be gone, which TCP takes a quarter of an hour to see
                self._connect()
            if code in _AWAY or lost:
                raise ServingAway(reason, lost=lost) from error
            raise PredictFailed(reason) from error

    def _call(self, images: Sequence[bytes], seconds: float) -> list[Result]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._name
        request.model_spec.signature_name = "serving_default"
        if self._version:
            request.model_spec.version.value = self._version
        request.inputs["image"].CopyFrom(bytes_tensor(images))
        outputs = self._prediction.Predict(request, timeout=max(seconds, 0)).outputs
        if not {"label", "probability"} <= outputs.keys():
            raise PredictFailed(f"the model's outputs are {sorted(outputs)}, not label and probability")
        labels, probabilities = tensor_values(outputs["label"]), tensor_values(outputs["probability"])
        if not len(labels) == len(probabilities) == len(images):
            raise PredictFailed(f"{len(labels)} labels for {len(images)} images")
        if not all(map(math.isfinite, probabilities)):
            raise PredictFailed("a probability is not a number")  # JSON has none such
        return [Result(label.decode(), probability) for label, probability in zip(labels, probabilities, strict=True)]
