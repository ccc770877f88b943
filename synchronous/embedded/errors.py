"""Why a request is refused: a gRPC status with its message, which REST turns into an HTTP status."""

import grpc


class RequestRefused(Exception):
    """A request that cannot be answered: a gRPC status and, as far as they are known, TensorFlow Serving's words."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message[:1000])  # the gRPC status line has little room, and callers' data may be in here
        self.code = code


def invalid(message: str) -> RequestRefused:
    return RequestRefused(grpc.StatusCode.INVALID_ARGUMENT, message)
