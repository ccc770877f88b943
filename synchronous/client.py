"""Ask TensorFlow Serving what is on an image, from Python or from a shell, without installing TensorFlow.

python -m synchronous.client --image-file a.png --image-file b.jpg [--format rest] [--timeout 5]
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

import typer
from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from .transports import GrpcTransport, Prediction, RestTransport, ServingError, Transport

T = TypeVar("T")
Format = Literal["grpc", "rest"]


class Client:
    """Predicts through one transport. Every call has one budget of seconds: connecting, retries and the answer."""

    def __init__(self, transport: Transport, model: str = "digits") -> None:
        self._transport = transport
        self._model = model

    def predict(self, images: list[bytes], timeout: float = 5.0) -> list[Prediction | ServingError]:
        """Return one prediction per image, in order; in place of an image the model refuses stands its error.

        Raises:
            ServingError: there was no answer at all.
        """
        deadline = time.monotonic() + timeout
        try:
            return list(self._ask(images, deadline))
        except ServingError as error:
            if error.code != "INVALID_ARGUMENT":
                raise
            # One image that is none fails the whole request; the others are worth asking again.
            return [error] if len(images) == 1 else [self._alone(image, deadline) for image in images]

    def metadata(self, timeout: float = 5.0) -> dict[str, Any]:
        """Return the model's name, version and signatures, as the REST API writes them."""
        return self._retried(lambda left: self._transport.metadata(self._model, left), time.monotonic() + timeout)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _alone(self, image: bytes, deadline: float) -> Prediction | ServingError:
        try:
            return self._ask([image], deadline)[0]
        except ServingError as error:
            return error

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
    """Return a client of `target` (host, host:port or URL), or of SERVING_GRPC or SERVING_REST."""
    if protocol == "grpc":
        address = urlsplit(_url(target or os.environ.get("SERVING_GRPC", "127.0.0.1"), 8500))
        return Client(GrpcTransport(address.netloc), model)
    return Client(RestTransport(_url(target or os.environ.get("SERVING_REST", "127.0.0.1"), 8501)), model)


def _url(target: str, port: int) -> str:
    url = urlsplit(target if "://" in target else f"http://{target}")
    return url.geturl() if url.port or url.scheme == "https" else url._replace(netloc=f"{url.netloc}:{port}").geturl()


app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    image_file: Annotated[list[Path] | None, typer.Option(help="PNG, JPEG, GIF or BMP; give it once per image")] = None,
    protocol: Annotated[Format, typer.Option("--format")] = "grpc",
    target: Annotated[str | None, typer.Option(help="host, host:port or URL; else SERVING_GRPC, SERVING_REST")] = None,
    model_name: str = "digits",
    timeout: Annotated[float, typer.Option(min=0.001, help="seconds for everything")] = 5.0,
    metadata: Annotated[bool, typer.Option("--metadata", help="print the model's signatures instead")] = False,
) -> None:
    """Print one line of JSON per image; what went wrong goes to stderr and the exit code."""
    files = image_file or []
    if not files and not metadata:
        sys.exit("error: nothing to do: give --image-file or --metadata")
    try:
        images = [_read(file) for file in files]
        with connect(protocol, target, model_name) as client:
            if metadata:
                typer.echo(json.dumps(client.metadata(timeout)))
            else:
                sys.exit(_print(files, client.predict(images, timeout)))
    except (ServingError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")


def _read(file: Path) -> bytes:
    image = file.read_bytes()
    if not image:
        raise ValueError(f"{file} is empty")
    return image


def _print(files: list[Path], answers: list[Prediction | ServingError]) -> bool:
    """Write the answers; return whether any is an error."""
    for file, answer in zip(files, answers, strict=True):
        if isinstance(answer, Prediction):
            typer.echo(json.dumps({"file": str(file), **vars(answer)}))
        else:
            typer.echo(json.dumps({"file": str(file), "error": str(answer)}))
            typer.echo(f"error: {file}: {answer}", err=True)
    return any(isinstance(answer, ServingError) for answer in answers)


if __name__ == "__main__":
    app()
