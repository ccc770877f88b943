"""Ask TensorFlow Serving what is on an image, from Python or from a shell, without installing TensorFlow.

python -m synchronous.client a.png b.jpg [--format rest] [--timeout 5]      (the command itself is in command.py)
"""

import os
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from .transports import GrpcTransport, Prediction, ServingError, Transport

T = TypeVar("T")
Format = Literal["grpc", "rest"]
REFUSED = "INVALID_ARGUMENT"


class Client:
    """Predicts through one transport; safe to use from many threads.

    Every call has one budget of seconds, `timeout`: for connecting, for retries and for the answer.
    """

    def __init__(self, transport: Transport, model: str = "digits") -> None:
        self._transport = transport
        self._model = model

    def predict(self, images: list[bytes], timeout: float = 5.0) -> list[Prediction | ServingError]:
        """Return one prediction per image, in order; in place of an image without one stands the reason.

        Raises:
            ServingError: there was no answer at all.
        """
        deadline = time.monotonic() + timeout
        if not images:
            return []
        try:
            return list(self._ask(images, deadline))
        except ServingError as error:
            if error.code != REFUSED:
                raise
            return self._by_halves(images, deadline) if len(images) > 1 else self._once_more(images, error, deadline)

    def metadata(self, timeout: float = 5.0) -> dict[str, Any]:
        """Return the model's name, version and signatures, as the REST API writes them."""
        return self._retried(lambda left: self._transport.metadata(self._model, left), time.monotonic() + timeout)

    def close(self) -> None:
        """End the calls of other threads with CANCELLED, and the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _by_halves(self, images: list[bytes], deadline: float) -> list[Prediction | ServingError]:
        """One image that is none fails the whole request: among n it is found with 2 log2(n) further ones."""
        middle = len(images) // 2
        return self._part(images[:middle], deadline) + self._part(images[middle:], deadline)

    def _once_more(self, image: list[bytes], refusal: ServingError, deadline: float) -> list[Prediction | ServingError]:
        """A server that batches may have refused it for a neighbour's image: ask again, out of step with that one."""
        pause = random.uniform(0, 0.05)  # noqa: S311
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
        answers = self._retried(lambda left: self._transport.predict(self._model, images, left), deadline)
        if len(answers) != len(images):
            raise ServingError("UNKNOWN", f"{len(answers)} answers for {len(images)} images")
        return answers

    def _retried(self, call: Callable[[float], T], deadline: float) -> T:
        """Make `call(seconds left)` until it is answered, again only after UNAVAILABLE and before `deadline`."""
        retries = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, ServingError) and error.code == "UNAVAILABLE"),
            wait=wait_random_exponential(multiplier=0.05, max=1),
            stop=stop_before_delay(deadline - time.monotonic()),
            reraise=True,
        )
        return retries(lambda: call(_left(deadline)))


def _left(deadline: float) -> float:
    if (left := deadline - time.monotonic()) > 0:
        return left
    raise ServingError("DEADLINE_EXCEEDED", "the time is used up")


def connect(protocol: Format = "grpc", target: str | None = None, model: str = "digits") -> Client:
    """Return a client of `target` (host, host:port or URL), or of SERVING_GRPC or SERVING_REST.

    Raises:
        ValueError: `target` is no address.
    """
    if protocol == "grpc":
        address = urlsplit(_url(target or os.environ.get("SERVING_GRPC", "127.0.0.1"), 8500))
        return Client(GrpcTransport(address.netloc), model)
    from .rest_transport import RestTransport  # not at the top: who speaks gRPC need not wait for httpx

    return Client(RestTransport(_url(target or os.environ.get("SERVING_REST", "127.0.0.1"), 8501)), model)


def _url(target: str, port: int) -> str:
    url = urlsplit(target if "://" in target else f"http://{target}")
    if not url.hostname or url.scheme not in ("http", "https"):
        raise ValueError(f"{target!r} is no address (host, host:port or URL)")
    return url.geturl() if url.port or url.scheme == "https" else url._replace(netloc=f"{url.netloc}:{port}").geturl()


if __name__ == "__main__":
    from .command import main  # here: who uses the library needs no command line

    main()
