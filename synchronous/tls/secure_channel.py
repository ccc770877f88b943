"""TLS and credentials for gRPC channels. An error that TLS caused names the cause.

Twin: synchronous/tls and asynchronous/tls hold this file byte for byte, so that each folder can be copied alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc

from .credentials import Security
from .handshake import explain


def secure_channel(
    open_plain: Callable[..., grpc.Channel],
    security: Security,
    target: str,
    options: Sequence[tuple[str, Any]],
    more: Sequence[tuple[str, Any]],
) -> "SecureChannel":
    """Return a channel to `target`: with TLS if it begins with https:// or `security` demands it, else `open_plain`'s.

    `open_plain` has the `options` already, so it gets only `more`.

    Raises:
        ValueError: a file of `security` is not valid, or `target` begins with http:// although TLS is demanded.
    """
    name = target.removeprefix("https://").removeprefix("http://")
    if target.startswith("http://") and security.demands_tls:
        raise ValueError(f"{target} is without TLS, and SERVING_CA or SERVING_CERT demands it")
    encrypted = target.startswith("https://") or (security.demands_tls and not target.startswith("unix:"))
    if not encrypted:
        return SecureChannel(open_plain(target, more), name, security.headers, encrypted)
    security.context()  # its errors name the files; those of gRPC do not
    ca, key, certificate = (file and file.read_bytes() for file in (security.ca, security.key, security.certificate))
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    return SecureChannel(grpc.secure_channel(name, credentials, [*options, *more]), name, security.headers, encrypted)


class SecureChannel:
    """A channel that sends `headers` with each call, and explains an error that TLS caused."""

    def __init__(self, channel: grpc.Channel, target: str, headers: Mapping[str, str], encrypted: bool) -> None:
        self._channel, self._address, self._encrypted = channel, target.rpartition("/")[2], encrypted
        self._metadata = tuple(headers.items()) or None
        self.subscribe, self.close = channel.subscribe, channel.close

    def unary_unary(self, name: str, **forms: Any) -> Callable[..., Any]:
        """Return a method whose calls carry the headers."""
        method = self._channel.unary_unary(name, **forms)

        def call(request: Any, **options: Any) -> Any:
            try:
                return method(request, metadata=self._metadata, **options)
            except grpc.RpcError as error:
                unavailable = error.code() is grpc.StatusCode.UNAVAILABLE
                if unavailable and (reason := explain(self._address, self._encrypted, error.details() or "")):
                    raise TlsMismatch(reason) from error
                raise

        return call


class TlsMismatch(grpc.RpcError):
    """A call that cannot succeed, however often it is made."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self._reason = reason

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.FAILED_PRECONDITION

    def details(self) -> str:
        return self._reason
