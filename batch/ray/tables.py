"""The columns of the files that a run writes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from ..model import Model
from .features import ColumnsRefused, Feature
from .values import as_texts

# Every row is identified by its file, a path below the input, and by its number in the file, from 0.
PLACE = [pyarrow.field("file", pyarrow.string()), pyarrow.field("row", pyarrow.int64())]
REASON = [pyarrow.field("values", pyarrow.string()), pyarrow.field("reason", pyarrow.string())]


class Tables:
    """The schemas of predictions and of failed rows, with the columns `keep` of the input."""

    def __init__(self, model: Model, keep: Sequence[Any]) -> None:
        """Raise `ColumnsRefused` if two columns would have the same name."""
        keep = [field.with_nullable(True) for field in keep]  # those of the first file; others may hold nulls
        self.version, self.keep = model.version, [field.name for field in keep]
        self.labels = model.labels if model.task == "classification" else []
        self.answer = model.predict(model.row_format.arrays([model.sample])).reshape(1, -1)
        names = [f"probability_{label}" for label in self.labels] or ["prediction"]
        if len(names) != self.answer.size:
            names = [f"prediction_{number}" for number in range(1, self.answer.size + 1)]
        answer = [pyarrow.field(name, pyarrow.from_numpy_dtype(self.answer.dtype)) for name in names]
        answer = [*([pyarrow.field("label", pyarrow.string())] if self.labels else []), *answer]
        answer += [pyarrow.field("model_version", pyarrow.int64())]
        self.done_schema = pyarrow.schema([*PLACE, *keep, *answer])
        self.failed_schema = pyarrow.schema([*PLACE, *keep, *REASON])
        for written in (self.done_schema.names, self.failed_schema.names):
            for twice in sorted(name for name, count in Counter(written).items() if count > 1):
                raise ColumnsRefused(f"two columns would be called {twice!r}; choose what is copied with --keep")

    def empty(self, rows: int) -> NDArray[Any]:
        """Return an array for the answers of a number of rows."""
        return np.zeros((rows, self.answer.size), self.answer.dtype)

    def done(self, file: str, first_row: int, chunk: Any, answers: NDArray[Any], good: NDArray[Any]) -> Any:
        """Return the rows `good` of a chunk with their answers [n, k]."""
        kept, answers = chunk.take(good), answers[good]
        columns = [*_place(file, first_row + good), *(kept.column(name) for name in self.keep)]
        if self.labels:
            columns.append(pyarrow.array(self.labels).take(pyarrow.array(answers.argmax(axis=1))))
        columns += [pyarrow.array(values) for values in np.ascontiguousarray(answers.T)]
        columns.append(pyarrow.array(np.full(len(good), self.version, np.int64)))
        return pyarrow.record_batch(columns, schema=self.done_schema)

    def failed(
        self, file: str, first_row: int, chunk: Any, reasons: Mapping[int, str], features: Sequence[Feature]
    ) -> Any:
        """Return the rows of a chunk that failed, with their values as JSON and the reasons."""
        rows = np.array(sorted(reasons))
        kept = chunk.take(rows)
        columns = [*_place(file, first_row + rows), *(kept.column(name) for name in self.keep)]
        columns += [pyarrow.array(as_texts(kept, features)), pyarrow.array([reasons[row] for row in rows.tolist()])]
        return pyarrow.record_batch(columns, schema=self.failed_schema)


def _place(file: str, rows: NDArray[Any]) -> list[Any]:
    return [pyarrow.repeat(file, len(rows)), pyarrow.array(rows)]
