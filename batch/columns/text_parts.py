"""Run a graph that takes texts for a part of the rows at a time, so that its memory has a limit.

ONNX Runtime pads the tokens of each text to the number of the longest one, and a vectorizer gives each row a number for
each word that it knows. So the memory of a run is not limited by the size of a request.

Twin: web_single/columns and batch/columns hold this file byte for byte.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..rows import Arrays

MOST_ROWS = 256
MOST_CHARACTERS = 2**21  # of a part, padded. A character is at most one token, which takes about 64 bytes.


def run_texts_in_parts(model: Model) -> None:
    """Let `model.run` run rows with texts in parts; the answers stay in the order of the rows."""
    texts, run = [each["name"] for each in model.inputs if each["dtype"] == "string"], model.run

    def run_in_parts(names: list[str], rows: Arrays) -> list[NDArray[Any]]:
        columns = [rows[name] for name in texts]
        if len(columns[0]) == 1 or len(parts := list(_parts(_lengths(columns)))) == 1:
            return run(names, rows)
        results = [run(names, {name: values[part] for name, values in rows.items()}) for part in parts]
        if any(
            len(part) not in each.shape[:1] for part, of_part in zip(parts, results, strict=True) for each in of_part
        ):
            return run(names, rows)  # an output has no value for each row, so parts cannot be joined
        order = np.argsort(np.concatenate(parts))
        return [np.concatenate(each)[order] for each in zip(*results, strict=True)]

    if texts:
        model.run = run_in_parts


def _lengths(columns: list[NDArray[Any]]) -> NDArray[Any]:
    """Return the characters of each row, if all its texts are padded to the longest one."""
    wide = np.concatenate([values.reshape(len(values), -1) for values in columns], axis=1)
    longest = np.fromiter(map(len, wide.ravel()), np.int64).reshape(wide.shape).max(axis=1)
    characters: NDArray[Any] = (longest + 1) * wide.shape[1]
    return characters


def _parts(lengths: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the indexes of the rows of each part, short rows first; a row beyond the limit is a part of its own."""
    order, start = np.argsort(lengths, kind="stable"), 0
    for stop, length in enumerate(lengths[order].tolist()):  # the longest one of the part, as the lengths rise
        if stop > start and (stop - start == MOST_ROWS or (stop - start + 1) * length > MOST_CHARACTERS):
            yield order[start:stop]
            start = stop
    yield order[start:]
