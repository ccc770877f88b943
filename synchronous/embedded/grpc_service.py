"""TensorFlow Serving's gRPC services: PredictionService and ModelService, as far as a Predict user meets them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from ..messages import get_model_metadata_pb2 as metadata_pb2
from ..messages import get_model_status_pb2 as status_pb2
from ..messages import predict_pb2
from .errors import RequestRefused
from .model import ServedModel

NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
LONGEST_SECONDS = 86_400.0
Answer = Callable[[Any, float], Any]


def create_server(served: ServedModel, threads: int) -> grpc.Server:
    """Return a server, not bound and not started, that takes messages of any size."""
    prediction = {
        "Predict": _method(served.predict, predict_pb2.PredictRequest),
        "GetModelMetadata": _method(
            lambda request, timeout: served.metadata(request), metadata_pb2.GetModelMetadataRequest
        ),
    }
    prediction |= {name: _method(_not_built(name)) for name in ("Classify", "Regress", "MultiInference")}
    model = {
        "GetModelStatus": _method(lambda request, timeout: served.status(request), status_pb2.GetModelStatusRequest),
        "HandleReloadConfigRequest": _method(_not_built("HandleReloadConfigRequest")),
    }
    # Two servers on one port would each get some of the calls; without so_reuseport the second one fails to start.
    server = grpc.server(ThreadPoolExecutor(threads, "grpc"), options=[*NO_LIMIT, ("grpc.so_reuseport", 0)])
    for service, methods in (("PredictionService", prediction), ("ModelService", model)):
        handler = grpc.method_handlers_generic_handler(f"tensorflow.serving.{service}", methods)
        server.add_generic_rpc_handlers((handler,))
    return server


def _method(answer: Answer, message: Any = None) -> grpc.RpcMethodHandler:
    """Wrap `answer(request, seconds left)`; without a `message` type the request stays bytes."""

    def behaviour(request: Any, context: grpc.ServicerContext) -> Any:
        left = min(context.time_remaining() or 0, LONGEST_SECONDS)  # a call without a deadline has centuries left
        try:
            if left <= 0:
                raise RequestRefused(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed before the call was run")
            return answer(request, left)
        except RequestRefused as error:
            context.abort(error.code, str(error))

    return grpc.unary_unary_rpc_method_handler(
        behaviour,
        request_deserializer=message and message.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def _not_built(name: str) -> Answer:
    def answer(request: Any, timeout: float) -> Any:
        raise RequestRefused(grpc.StatusCode.UNIMPLEMENTED, f"the embedded server does not answer {name}, only Predict")

    return answer
