"""Rows of classes or values as TensorFlow Serving's messages."""

from typing import Any

from tensorflow_serving.apis import classification_pb2

from ..errors import invalid
from .signatures import Rows


def fill(result: Any, rows: Rows) -> None:
    """Add `rows` to a ClassificationResult or a RegressionResult."""
    if not isinstance(result, classification_pb2.ClassificationResult):
        for value in rows:
            result.regressions.add(value=value)
        return
    for row in rows:
        classes = result.classifications.add().classes
        for label, score in row:
            classes.add(label=_text(label), score=score)


def _text(label: bytes) -> str:
    try:
        return label.decode()
    except UnicodeDecodeError as error:
        raise invalid(f"the class label {label[:100]!r} is not UTF-8, as the response's field demands") from error
