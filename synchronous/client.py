"""Ask TensorFlow Serving what an image shows, from Python or from a shell, without installing TensorFlow."""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial  # optional: spread
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from .channel import OPTIONS, grpc_target, open_channel
from .cli import command_line  # optional: cli
from .rest import open_rest  # optional: rest
from .signatures import signature_commands  # optional: signatures
from .spread import spread  # optional: spread
from .tls import http_options, secure  # optional: tls
from .transport import GrpcTransport, Prediction, ServingError, Transport

T = TypeVar("T")
REFUSED = "INVALID_ARGUMENT"


class Client:
    """Predicts through one transport; safe to use from many threads.

    Every call has one budget of seconds, `timeout`, for connecting, for retries and for the answer.
    """

    def __init__(self, transport: Transport, model: str = "digits") -> None:
        self.transport = transport
        self.model = model

    def predict(self, images: list[bytes], timeout: float = 5.0) -> list[Prediction | ServingError]:
        """Return one prediction per image, in order. An image that cannot be decoded gets its error instead.

        Raises:
            ServingError: there was no answer at all.
        """
        deadline = time.monotonic() + timeout
        try:
            return list(self._ask(images, deadline)) if images else []
        except ServingError as error:
            if error.code != REFUSED:
                raise
            return self._by_halves(images, deadline) if len(images) > 1 else self._once_more(images, error, deadline)

    def metadata(self, timeout: float = 5.0) -> dict[str, Any]:
        """Return the model's name, version and signatures, in the form of the REST API."""
        return self.retried(lambda left: self.transport.metadata(self.model, left), time.monotonic() + timeout)

    def close(self) -> None:
        """Close the connections, and end the calls of other threads with CANCELLED."""
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _by_halves(self, images: list[bytes], deadline: float) -> list[Prediction | ServingError]:
        """Find the image that makes the server refuse the whole request: one of n takes 2 log2(n) more requests."""
        middle = len(images) // 2
        return self._part(images[:middle], deadline) + self._part(images[middle:], deadline)

    def _once_more(self, image: list[bytes], refusal: ServingError, deadline: float) -> list[Prediction | ServingError]:
        """Ask again: a server that batches may have refused this image because of another caller's image."""
        pause = random.uniform(0, 0.05)  # noqa: S311 the next batch then holds other requests
        if pause >= deadline - time.monotonic():
            return [refusal]
        time.sleep(pause)
        return self._part(image, deadline)

    def _part(self, images: list[bytes], deadline: float) -> list[Prediction | ServingError]:
        try:
            return list(self._ask(images, deadline))
        except ServingError as error:
            if error.code == REFUSED and len(images) > 1:
                return self._by_halves(images, deadline)
            return [error] * len(images)

    def _ask(self, images: list[bytes], deadline: float) -> list[Prediction]:
        answers = self.retried(lambda left: self.transport.predict(self.model, images, left), deadline)
        if len(answers) != len(images):
            raise ServingError("UNKNOWN", f"{len(answers)} answers for {len(images)} images")
        return answers

    def retried(self, call: Callable[[float], T], deadline: float) -> T:
        """Make `call(seconds left)`, and repeat it before `deadline` while the server is UNAVAILABLE."""
        retries = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, ServingError) and error.code == "UNAVAILABLE"),
            wait=wait_random_exponential(multiplier=0.05, max=1),
            stop=stop_before_delay(deadline - time.monotonic()),
            reraise=True,
        )

        def attempt() -> T:
            if (left := deadline - time.monotonic()) > 0:
                return call(left)
            raise ServingError("DEADLINE_EXCEEDED", "the time is used up")

        return retries(attempt)


def _open_grpc(target: str | None) -> Transport:
    open_target: Callable[..., Any] = open_channel
    open_target = secure(open_channel, OPTIONS)  # optional: tls
    connect: Callable[[str], Any] = lambda address: open_target(grpc_target(address))  # noqa: E731
    connect = partial(spread, open_target, grpc_target)  # optional: spread
    return GrpcTransport(connect(target or os.environ.get("SERVING_GRPC", "127.0.0.1")))


TRANSPORTS: dict[str, Callable[[str | None], Transport]] = {"grpc": _open_grpc}
_http: Callable[[], dict[str, Any]] = dict
_http = http_options  # optional: tls
TRANSPORTS["rest"] = lambda target: open_rest(target, _http())  # optional: rest


def connect(protocol: str = "grpc", target: str | None = None, model: str = "digits") -> Client:
    """Return a client of `target`, or of SERVING_GRPC or SERVING_REST: addresses that commas separate.

    Raises:
        ValueError: `target` is not a valid address, or there is no such protocol.
    """
    if protocol not in TRANSPORTS:
        raise ValueError(f"{protocol!r} is not one of the protocols {', '.join(TRANSPORTS)}")
    return Client(TRANSPORTS[protocol](target), model)


def main() -> None:
    """Print one line of JSON for each image file on the command line."""
    files = sys.argv[1:]
    with connect() as client:
        for file, answer in zip(files, client.predict([Path(file).read_bytes() for file in files]), strict=True):
            fields = vars(answer) if isinstance(answer, Prediction) else {"error": str(answer)}
            print(json.dumps({"file": file, **fields}))


command = main
command = command_line  # optional: cli
command = signature_commands(command)  # optional: signatures

if __name__ == "__main__":
    command()
