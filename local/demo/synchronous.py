"""The demo's requests to synchronous: image files over gRPC and REST."""

from collections.abc import Iterator
from typing import Any

from ..stack import Stack
from . import samples
from .steps import DemoFailed, Step


def steps(stack: Stack) -> Iterator[Step]:
    """Digit files over gRPC and REST, one and many, and a photograph."""
    from synchronous.client import connect  # not at the top: the other patterns run without these packages
    from synchronous.transport import ServingError

    grpc: Any = connect("grpc", stack.environment["SERVING_GRPC"])
    rest: Any = connect("rest", stack.environment["SERVING_REST"])
    png, jpeg, *more = samples.digit_images(34)
    photograph = samples.photographs()[1]

    def predict(client: Any, *images: bytes) -> Any:
        try:
            return client.predict(list(images))
        except ServingError as error:
            raise DemoFailed(str(error)) from error

    def one(client: Any, image: samples.DigitImage) -> str:
        (answer,) = predict(client, image.data)
        return f"{answer.label} ({answer.probability:.3f}), written {image.label}"

    def many() -> str:
        answers = predict(grpc, *(image.data for image in more))
        right = sum(answer.label == image.label for answer, image in zip(answers, more, strict=True))
        return f"{len(answers)} answers, {right} as written"

    yield Step(f"gRPC Predict {png.name}", lambda: one(grpc, png))
    yield Step(f"REST :predict {jpeg.name}", lambda: one(rest, jpeg))
    yield Step(f"gRPC Predict, {len(more)} digits in one call", many)
    yield Step(
        f"gRPC Predict photograph, {len(photograph) // 1024} KiB JPEG",
        lambda: f"looks most like {predict(grpc, photograph)[0].label}",
    )
