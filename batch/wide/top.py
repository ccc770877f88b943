"""Keep only the probabilities of the likeliest labels."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from typing import Annotated, Any

import typer
from pydantic_core import from_json, to_json

from ..errors import ServiceError
from ..predictor import Predictor
from ..runner import Runner
from ..schemas import Predictions

Top = Annotated[int | None, typer.Option(min=1, help="Store the probabilities of only this many likeliest labels.")]
WIDE_OPTIONS = {"top": (Top, None)}


class TopRefused(ServiceError):
    """The model has no labels to choose from, or has a label twice."""


@dataclass(frozen=True)
class TopPredictor(Predictor):
    """A predictor whose predictions are objects of the `top` likeliest labels with their probabilities."""

    top: int

    def predict(self, rows: Iterable[tuple[int, Any]]) -> Predictions:
        """Predict rows (id, values as JSON text) in one run of the model."""
        predictions = super().predict(rows)
        predictions.done = [row._replace(prediction=self._best(row.prediction)) for row in predictions.done]
        return predictions

    def _best(self, prediction: str) -> str:
        pairs = zip(from_json(prediction), self.model.labels, strict=True)
        best = nlargest(self.top, pairs, key=lambda pair: pair[0])
        return to_json({label: probability for probability, label in best}).decode()


def keep_top(runner: Runner, top: int | None) -> None:
    """Make each prediction an object of the `top` likeliest labels with their probabilities; None keeps the list."""
    predictor, labels = runner.model, runner.model.model.labels
    if top is None:
        return
    if predictor.model.task != "classification" or len(set(labels)) < len(labels):
        raise TopRefused("--top: the model must be a classifier whose labels differ")
    runner.model = TopPredictor(predictor.model, predictor.read, predictor.version, top)
