"""Stored rows in, predictions out. A row that cannot be predicted fails alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from .artifact import Artifact
from .errors import first_error
from .extras import predictor as extras  # optional: extras
from .model import Model, NoAnswer
from .rows import STRICT, RowFormat
from .schemas import Predicted, Predictions

Read = Callable[[Any], list[Any]]


@dataclass(frozen=True)
class Predictor:
    """A loaded model version; `read` reads a row from JSON text."""

    model: Model
    read: Read
    version: int

    def predict(self, rows: Iterable[tuple[int, Any]]) -> Predictions:
        """Predict rows (id, values as JSON text) in one run of the model."""
        predictions, good = Predictions(), []
        for row_id, text in rows:
            try:
                good.append((row_id, self.read(text)))
            except ValidationError as error:
                predictions.failed[row_id] = first_error(error, whole="")
        if good:
            self._run(good, predictions)
        return predictions

    def _run(self, rows: list[tuple[int, Any]], predictions: Predictions) -> None:
        """Run the model; if it raises, run it for each half of the rows, down to the rows that it raises for."""
        try:
            answers = self.model.predict(self.model.row_format.arrays([values for _, values in rows]))
        except Exception as error:  # noqa: BLE001 - whatever a model raises fails the row that it raises for
            if half := len(rows) // 2:
                self._run(rows[:half], predictions)
                self._run(rows[half:], predictions)
            else:
                raised = f"the model raised {type(error).__name__}: {error}"
                predictions.failed[rows[0][0]] = error.why if isinstance(error, NoAnswer) else raised
            return
        labels: list[str | None] = [None] * len(rows)
        if self.model.task == "classification":
            labels = [self.model.labels[index] for index in answers.argmax(axis=1).tolist()]
        for (row_id, _), answer, label in zip(rows, answers.tolist(), labels, strict=True):
            predictions.done.append(Predicted(row_id, to_json(answer).decode(), label))


def load(artifact: Artifact) -> Predictor:
    """Return the predictor of an artefact; raise `ArtifactRefused` unless its model loads and passes its checks."""
    make_model: Callable[[Artifact], Model] = Model
    make_model = extras.make_model  # optional: extras
    model = make_model(artifact)  # it runs with one thread: runners are processes, and share the cores
    model.check()
    return Predictor(model, row_reader(model.row_format), model.version)


def row_reader(rows: RowFormat) -> Read:
    """Return a function that reads a row from JSON text and raises `ValidationError`."""
    read: Read = TypeAdapter(rows.row, config=STRICT).validate_json
    read = extras.replace_read(read, rows)  # optional: extras
    return read
