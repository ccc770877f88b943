"""TensorFlow Serving's gRPC services: PredictionService and ModelService, as far as a Predict user meets them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import HealthServicer
from tensorflow_serving.apis import model_management_pb2

from .errors import RequestRefused
from .messages import get_model_metadata_pb2 as metadata_pb2
from .messages import get_model_status_pb2 as status_pb2
from .messages import predict_pb2
from .service import Service

NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
LONGEST_SECONDS = 86_400.0
Answer = Callable[[Any, float], Any]


def create_server(service: Service, health: HealthServicer, threads: int) -> grpc.Server:
    """Return a server, not bound and not started, that takes messages of any size."""
    prediction = {
        "Predict": _method(service.predict, predict_pb2.PredictRequest),
        "GetModelMetadata": _method(
            lambda request, timeout: service.metadata(request), metadata_pb2.GetModelMetadataRequest
        ),
    }
    prediction |= {name: _method(_not_built(name)) for name in ("Classify", "Regress", "MultiInference")}
    model = {
        "GetModelStatus": _method(lambda request, timeout: service.status(request), status_pb2.GetModelStatusRequest),
        "HandleReloadConfigRequest": _method(service.reload, model_management_pb2.ReloadConfigRequest),
    }
    # Two servers on one port would each get some of the calls; without so_reuseport the second one fails to start.
    server = grpc.server(ThreadPoolExecutor(threads, "grpc"), options=[*NO_LIMIT, ("grpc.so_reuseport", 0)])
    for name, methods in (("PredictionService", prediction), ("ModelService", model)):
        handler = grpc.method_handlers_generic_handler(f"tensorflow.serving.{name}", methods)
        server.add_generic_rpc_handlers((handler,))
    health_pb2_grpc.add_HealthServicer_to_server(health, server)  # not in TensorFlow Serving: for Kubernetes and Envoy
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
