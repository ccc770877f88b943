"""An actor: it loads the model once, and turns parts of the input into files of predictions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet
from pydantic_core import from_json

from ..artifact import ArtifactRefused, open_artifact
from ..predictor import Predictor, load
from .features import Feature, without_views
from .places import FAILED, Place, attempt, complete_file
from .plan import Part, check_unchanged, unreadable
from .tables import Tables
from .values import as_texts, read_features, wrong_lengths

BUFFER = 8 << 20  # bytes of each column that are read at once, so that no row group is in memory as a whole


@dataclass(frozen=True)
class Job:
    """What an actor needs to know."""

    source: Place
    output: Place
    model_dir: Path
    version: int
    hashes: dict[str, Any]  # the files of the model, as its manifest lists them
    features: Sequence[Feature]
    keep: Sequence[Any]  # the fields of the columns that are copied
    batch_rows: int


class Scorer:
    """Called by Ray Data with one part after another."""

    def __init__(self, job: Job) -> None:
        """Raise `ArtifactRefused` unless this machine has the model of the run and it gives its golden answers."""
        artifact = open_artifact(job.model_dir, job.version, keep=None)
        if artifact.manifest["files"] != job.hashes:
            raise ArtifactRefused(f"{artifact.path} is not the model that the run began with")
        self.job, self.predictor = job, load(artifact)
        self.tables = Tables(self.predictor.model, job.keep)

    def __call__(self, row: dict[str, Any]) -> dict[str, int]:
        """Write the files of a part; return how many of its rows are done and failed."""
        part, done, failed, write_failed = Part(**row), 0, 0, None
        with ExitStack() as stack:
            stack.enter_context(attempt(self.job.output, part.name))
            # This file is opened first, so it is completed last: the part is done when this file has its name.
            write_done = self._open(stack, part.name, self.tables.done_schema)
            for first_row, chunk in self._batches(part):
                answers = self.tables.empty(chunk.num_rows)
                reasons = predict(self.predictor, self.job.features, chunk, answers)
                good = np.setdiff1d(np.arange(chunk.num_rows), list(reasons))
                write_done(self.tables.done(part.file, first_row, chunk, answers, good))
                done, failed = done + len(good), failed + len(reasons)
                if reasons:
                    name = f"{FAILED}/{part.name}"
                    write_failed = write_failed or self._open(stack, name, self.tables.failed_schema)
                    write_failed(self.tables.failed(part.file, first_row, chunk, reasons, self.job.features))
            check_unchanged(self.job.source, part)
        return {"done": done, "failed": failed}

    def _open(self, stack: ExitStack, name: str, schema: Any) -> Callable[[Any], None]:
        file = stack.enter_context(complete_file(self.job.output, name))
        writer = stack.enter_context(parquet.ParquetWriter(file, schema, compression="zstd"))
        return writer.write_batch  # type: ignore[no-any-return]

    def _batches(self, part: Part) -> Iterator[tuple[int, Any]]:
        """Yield batches of the part's rows, each with the number of its first row in the file."""
        columns = [name for feature in self.job.features for name in feature.columns]
        columns += [field.name for field in self.job.keep if field.name not in columns]
        groups, row = range(part.first_group, part.last_group + 1), part.first_row
        try:
            with self.job.source.system.open_input_file(part.path) as file:
                opened = parquet.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)
                for chunk in opened.iter_batches(self.job.batch_rows, groups, columns, use_threads=False):
                    yield row, _without_views(chunk)
                    row += chunk.num_rows
        except (pyarrow.ArrowException, OSError) as error:
            raise unreadable(part.path, error) from error


def _without_views(chunk: Any) -> Any:
    schema = without_views(chunk.schema)
    if schema.equals(chunk.schema):
        return chunk
    kinds = zip(chunk.columns, schema.types, strict=True)
    return pyarrow.record_batch(
        [column.cast(kind) if column.type != kind else column for column, kind in kinds], schema=schema
    )


def predict(predictor: Predictor, features: Sequence[Feature], chunk: Any, answers: NDArray[Any]) -> dict[int, str]:
    """Write the answers of a chunk's rows into `answers` [n, k]; return why rows have none, by their numbers.

    Rows that need a closer look go through the predictor of the database's job, as the JSON text that it would read.
    """
    arrays, good = read_features(chunk, features)
    try:
        if good.any():
            answers[good] = predictor.model.predict(arrays).reshape(-1, answers.shape[1])
    except Exception:  # noqa: BLE001 - whatever a model raises fails the row that it raises for: the predictor finds it
        good[:] = False
    reasons = {} if good.all() else wrong_lengths(chunk, features)
    slow = np.setdiff1d(np.flatnonzero(~good), list(reasons))
    if not slow.size:
        return reasons
    found = predictor.predict(zip(slow.tolist(), as_texts(chunk.take(slow), features), strict=True))
    for row in found.done:
        answers[row.id] = np.ravel(from_json(row.prediction))
    return reasons | found.failed
