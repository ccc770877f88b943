"""The gRPC services: TensorFlow Serving's PredictionService and ModelService, and gRPC's health service."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import HealthServicer

from .errors import RequestRefused
from .hooks import Answer
from .messages import get_model_metadata_pb2 as metadata_pb2
from .messages import get_model_status_pb2 as status_pb2
from .messages import predict_pb2
from .service import Service

NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
LONGEST_SECONDS = 86_400.0


def create_server(
    service: Service,
    health: HealthServicer,
    threads: int,
    more: Mapping[str, tuple[Answer, Any]],
    options: Sequence[tuple[str, int | str]] = (),
) -> grpc.Server:
    """Return a server, neither bound nor started, for messages of any size. `more` are methods of ModelService."""
    prediction = {
        "Predict": _method(service.predict, predict_pb2.PredictRequest),
        "GetModelMetadata": _method(
            lambda request, timeout: service.metadata(request), metadata_pb2.GetModelMetadataRequest
        ),
    }
    prediction |= {name: _method(answer, message) for name, (answer, message) in service.methods.items()}
    model = {
        "GetModelStatus": _method(lambda request, timeout: service.status(request), status_pb2.GetModelStatusRequest),
    }
    model |= {name: _method(answer, message) for name, (answer, message) in more.items()}
    # With so_reuseport a second server on the same port would start, and each would get some of the calls.
    server = grpc.server(ThreadPoolExecutor(threads, "grpc"), options=[*NO_LIMIT, ("grpc.so_reuseport", 0), *options])
    for name, methods in (("PredictionService", prediction), ("ModelService", model)):
        handler = grpc.method_handlers_generic_handler(f"tensorflow.serving.{name}", methods)
        server.add_generic_rpc_handlers((handler,))
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    return server


def _method(answer: Answer, message: Any) -> grpc.RpcMethodHandler:
    """Return a handler that calls `answer(request, seconds left)` with a request of the type `message`."""

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
        request_deserializer=message.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )
