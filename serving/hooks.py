"""The types that the server shares with its optional folders. Nothing here imports TensorFlow."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np

Arrays = Mapping[str, np.ndarray]  # by the name of the input or the output
Answer = Callable[[Any, float], Any]  # request message and seconds left, to the response message


class Run(Protocol):
    """Runs a signature: input arrays to the `wanted` output arrays, within `timeout` seconds.

    Raises:
        RequestRefused: the model cannot take these inputs, or the time is up.
    """

    def __call__(self, signature: str, inputs: Arrays, wanted: Iterable[str], timeout: float) -> Arrays: ...


class Observer:
    """Receives what the server measures. This one ignores it."""

    def request(self, model: str, api: str, entrypoint: str) -> AbstractContextManager[None]:
        """Return a context manager that encloses one request to `model`."""
        return nullcontext()

    def examples(self, model: str, count: int) -> None:
        """Receive the number of tf.Example messages in one request to `model`."""

    def loaded(self, path: Path, status: str) -> None:
        """Receive the result of one attempt to load the SavedModel in `path`: success or fail."""

    def warmed_up(self, path: Path, seconds: float) -> None:
        """Receive the time that the warm-up requests in `path` took."""
