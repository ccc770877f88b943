"""A model that knows whether TensorFlow Serving is available."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from .. import messages
from ..consumer import Result
from ..loop import Loop
from ..model import Model, ServingUnavailable
from ..settings import Settings

TRIES = 3  # of an image that is refused


class ServingLost(ServingUnavailable):
    """The server cannot be reached any more; an image may have taken it down."""

    lost = True


class PatientModel(Model):
    """Asks for the model's status when a call has failed."""

    def _connect(self) -> None:
        super()._connect()
        self._status = messages.model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._is_served, self.problem = False, "it does not serve the model"

    def obstacle(self) -> str:
        """Return why no job should be claimed now; empty if the model is served."""
        self._is_served = self._is_served or self.is_served(1)
        return "" if self._is_served else f"serving program: {self.problem}"

    def is_served(self, seconds: float, *, wait: bool = True) -> bool:
        """Return whether the model is served; with `wait`, wait up to `seconds` for a connection."""
        request = messages.get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._settings.model_name
        try:
            answer = self._status.GetModelStatus(request, timeout=seconds, wait_for_ready=wait)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.FAILED_PRECONDITION:  # not an outage, but a wrong setting
                self.problem = error.details() or self.problem
            return error.code() is grpc.StatusCode.UNIMPLEMENTED  # reachable, but without this method
        return any(version.state == version.AVAILABLE for version in answer.model_version_status)

    def predict(self, images: Sequence[bytes]) -> list[Result]:
        try:
            return super().predict(images)
        except ServingUnavailable:
            self._is_served = False
            raise

    def _call(self, images: Sequence[bytes], deadline: float) -> list[Result]:
        for tries_left in range(TRIES - 1, -1, -1):
            try:
                return super()._call(images, deadline)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.INVALID_ARGUMENT or len(images) > 1 or not tries_left:
                    self._check_server(error)
                    raise
                # With server-side batching, the cause may be an image that another client sent at the same moment.
                time.sleep(random.uniform(0, 0.05))  # noqa: S311  not for cryptography
        raise AssertionError("unreachable")

    def _check_server(self, error: grpc.RpcError) -> None:
        code = error.code().name
        if code not in ("UNAVAILABLE", "DEADLINE_EXCEEDED") or self.is_served(1, wait=False):
            return
        if code == "DEADLINE_EXCEEDED":
            self._channel.close()  # its machine may be gone, which TCP notices after a quarter of an hour
            self._connect()
        raise ServingLost(f"{code}: {(error.details() or 'no details')[:300]}") from error


def wait_for_model(loop: Loop, settings: Settings, connect: Callable[[str], Any]) -> None:
    """Let `loop` claim no job while the model is not served."""
    model = PatientModel(settings, connect)
    loop.predict = model.predict
    loop.obstacles.append(model.obstacle)
