"""Why a request is refused: a gRPC status with its message, which REST turns into an HTTP status."""

import grpc


class RequestRefused(Exception):
    """A request that cannot be answered: a gRPC status and, as far as they are known, TensorFlow Serving's words."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        # Callers' data may be in here, and gRPC has 8 KB for the status, in which a byte may take three.
        super().__init__(message.encode(errors="replace")[:1000].decode(errors="ignore"))
        self.code = code


def invalid(message: str) -> RequestRefused:
    return RequestRefused(grpc.StatusCode.INVALID_ARGUMENT, message)
