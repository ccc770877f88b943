"""The errors of the server. `RequestRefused` becomes a gRPC status, which `rest.py` turns into an HTTP status."""

import grpc


class RequestRefused(Exception):
    """A request that cannot be answered: a gRPC status code and, where it is known, TensorFlow Serving's message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        # The message may quote the caller's data. gRPC limits a status to 8 KB, and may encode one byte as three.
        super().__init__(message.encode(errors="replace")[:1000].decode(errors="ignore"))
        self.code = code


class LoadFailed(Exception):
    """A version that cannot be served. GetModelStatus shows `code` and the message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class ConfigRefused(Exception):
    """A configuration that cannot be used. The message names the file and the mistake in one line."""


def invalid(message: str) -> RequestRefused:
    """Return a refusal of the request itself."""
    return RequestRefused(grpc.StatusCode.INVALID_ARGUMENT, message)
