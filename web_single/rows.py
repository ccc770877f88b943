"""Rows as JSON has them: lists of numbers that one float tensor of the graph takes.

Twin: web_single and batch hold this file byte for byte.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from .artifact import ArtifactRefused

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)  # how rows are validated
Arrays = dict[str, NDArray[Any]]


class RowFormat:
    """The rows of a graph with one float input [null, width]; `row` is the type that validates one row."""

    def __init__(self, inputs: list[dict[str, Any]], described: list[dict[str, Any]]) -> None:
        """Raise `ArtifactRefused` if the graph takes anything else. Only an optional part uses `described`."""
        match inputs:
            case [{"name": name, "dtype": "float32" | "float64" as dtype, "shape": [None, int(width)]}]:
                self.name, self.dtype, self.width = name, np.dtype(dtype), width
            case _:
                raise ArtifactRefused(f"model.onnx must take one float tensor of shape [null, width], not {inputs}")
        limit = float(np.finfo(dtype).max)
        number = Annotated[float, Field(ge=-limit, le=limit)]
        self.types: dict[str, Any] = {name: number}  # the type of one value of each input
        self.missing: set[str] = set()  # the inputs whose values may be missing
        # The list stops at its first error, so that many wrong numbers do not become as many errors.
        self.row: Any = Annotated[list[number], Field(min_length=width, max_length=width, fail_fast=True)]
        # A row that most models can be tried with: an Iris flower, repeated or cut to the width.
        self.example: Any = np.resize([5.1, 3.5, 1.4, 0.2], width).tolist()

    def arrays(self, rows: Sequence[Any]) -> Arrays:
        """Return the input of the graph for rows that were validated."""
        # np.array takes twice the time for a thousand rows, as it must first find their lengths.
        return {self.name: np.fromiter(chain.from_iterable(rows), self.dtype).reshape(len(rows), self.width)}
