"""Keep only the probabilities of the likeliest labels."""

from dataclasses import replace
from heapq import nlargest
from typing import Annotated, Any

import typer
from pydantic_core import to_json

from ..errors import ServiceError
from ..runner import Runner

Top = Annotated[int | None, typer.Option(min=1, help="Store the probabilities of only this many likeliest labels.")]


class TopRefused(ServiceError):
    """The model has no labels to choose from, or has a label twice."""


def keep_top(runner: Runner, top: int | None) -> None:
    """Make each prediction an object of the `top` likeliest labels with their probabilities; None keeps the list."""
    labels = runner.model.model.labels
    if top is None:
        return
    if runner.model.model.task != "classification" or len(set(labels)) < len(labels):
        raise TopRefused("--top: the model must be a classifier whose labels differ")

    def as_json(answer: Any) -> str:
        best = nlargest(top, zip(answer, labels, strict=True), key=lambda pair: pair[0])
        return to_json({label: probability for probability, label in best}).decode()

    runner.model = replace(runner.model, as_json=as_json)
