"""The rows of an estimator, with other values in some of their columns."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Columns
from .graph import Arrays, numpy_type

REFUSALS = (ValueError, TypeError, IndexError)  # what estimators raise for values that they do not take


@dataclass(frozen=True)
class Table:
    """Rows as an estimator takes them: a DataFrame, a matrix, or a list of texts; columns are counted from 0."""

    rows: Any
    columns: Columns

    @property
    def is_matrix(self) -> bool:
        """Return whether the columns are one input of the graph."""
        return not hasattr(self.rows, "columns") and np.asarray(self.rows).dtype.kind in "fiub"

    @property
    def names(self) -> list[str]:
        """Return the name of each column; those of a matrix are numbers."""
        width = next(iter(self.columns.values.values())).shape[1]
        return [str(each) for each in range(width)] if self.is_matrix else [*self.columns.dtypes]

    @property
    def kinds(self) -> list[str]:
        """Return the type of each column."""
        found = [*self.columns.dtypes.values()]
        return found * len(self.names) if self.is_matrix else found

    def numbers(self) -> list[int]:
        """Return the columns of numbers."""
        return [place for place, kind in enumerate(self.kinds) if kind.startswith(("float", "int"))]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values.values())))

    def column(self, place: int) -> NDArray[Any]:
        """Return the values of a column."""
        return self.columns.values["X"][:, place] if self.is_matrix else self.columns.values[self.names[place]][:, 0]

    def take(self, chosen: NDArray[Any], changes: Mapping[int, Any]) -> Any:
        """Return the rows with the given numbers, of the same type, with other values in the columns `changes`."""
        if hasattr(self.rows, "columns"):
            part = self.rows.iloc[chosen].copy()
            for place, values in changes.items():
                part.isetitem(place, values)
            kinds = zip(self.rows.columns, self.rows.dtypes, strict=True)
            return part.astype({name: "category" for name, kind in kinds if str(kind) == "category"})
        if np.ndim(self.rows) == 1:
            return changes.get(0, np.asarray(self.rows, object)[chosen])
        part = (self.columns.values["X"] if self.is_matrix else np.asarray(self.rows, object))[chosen]
        for place, values in changes.items():
            part[:, place] = values
        return part

    def tensors(self, part: Any) -> Arrays:
        """Return rows of the same type as the graph takes them."""
        if self.is_matrix:
            return {"X": part.astype(self.columns.dtypes["X"])}
        found = np.asarray(part, object).reshape(len(part), -1).T
        return {
            name: values.reshape(-1, 1).astype(numpy_type(dtype))
            for (name, dtype), values in zip(self.columns.dtypes.items(), found, strict=True)
        }


def pick(part: Any, *place: Any) -> Any:
    """Return some of the rows, or of their values."""
    return part.iloc[place] if hasattr(part, "iloc") else part[place]


def ask(model: Any, part: Any) -> NDArray[Any]:
    """Return the probabilities or values that a model answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as that columns have no names
        return np.asarray(model.predict_proba(part) if hasattr(model, "predict_proba") else model.predict(part))


def ask_taken(model: Any, part: Any) -> tuple[list[int], list[NDArray[Any]]]:
    """Return the numbers of the rows that a model takes, and its answers to them."""
    try:
        return [*range(len(part))], [*ask(model, part)]
    except REFUSALS:
        if len(part) == 1:
            return [], []
    half = len(part) // 2
    left, right = ask_taken(model, pick(part, slice(half))), ask_taken(model, pick(part, slice(half, None)))
    return left[0] + [half + row for row in right[0]], left[1] + right[1]
