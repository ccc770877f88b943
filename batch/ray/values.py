"""The values of a chunk as the inputs of a graph. Rows that need a closer look are left to the predictor."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute, types
from pydantic_core import to_json

from ..rows import Arrays
from .features import Feature

Checked = tuple[NDArray[Any], NDArray[np.bool_]]  # values, and whether each may be given to the model as it is


def read_features(chunk: Any, features: Sequence[Feature]) -> tuple[Arrays, NDArray[np.bool_]]:
    """Return the arrays of the rows that may be given to the model as they are, and which rows [n] these are."""
    good, read = np.ones(chunk.num_rows, np.bool_), {}
    for feature in features:
        checked = [_read(chunk.column(column), feature) for column in feature.columns]
        for _, allowed in checked:
            good &= allowed
        read[feature.name] = [values.reshape(chunk.num_rows, -1) for values, _ in checked]
    arrays = {}
    for feature in features:
        values = np.concatenate([column[good] for column in read[feature.name]], axis=1)
        dtype = object if feature.dtype == "string" else feature.dtype
        arrays[feature.name] = values.astype(dtype, copy=False).reshape(-1, *feature.sizes)
    return arrays, good


def _read(column: Any, feature: Feature) -> Checked:
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not types.is_nested(column.type):
        return _read_values(column, feature)
    allowed = _lengths(column) == feature.width
    flat, flat_allowed = _read_values(compute.list_flatten(column.filter(pyarrow.array(allowed))), feature)
    values = np.zeros((len(column), feature.width), flat.dtype)
    values[allowed] = flat.reshape(-1, feature.width)
    allowed[allowed] = flat_allowed.reshape(-1, feature.width).all(axis=1)
    return values, allowed


def _lengths(column: Any) -> NDArray[Any]:
    """Return the length of each list of a column; -1 where there is none."""
    return compute.fill_null(compute.list_value_length(column), -1).to_numpy(  # type: ignore[no-any-return]
        zero_copy_only=False
    )


def _read_values(column: Any, feature: Feature) -> Checked:
    """Return the values of a column as `Predictor` reads them from JSON: those of a float input as float64."""
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    if feature.dtype in ("string", "bool"):
        return column.to_numpy(zero_copy_only=False), valid
    values = compute.fill_null(column, 0).to_numpy(zero_copy_only=False)
    if not feature.dtype.startswith("float"):
        limits = np.iinfo(feature.dtype)
        return values, valid & (values >= limits.min) & (values <= limits.max)
    values = values.astype(np.float64)
    allowed = valid & (abs(values) <= np.finfo(feature.dtype).max)  # neither NaN nor infinite
    if feature.missing:
        values[~valid] = np.nan
        allowed |= np.isnan(values)
    return values, allowed


def wrong_lengths(chunk: Any, features: Sequence[Feature]) -> dict[int, str]:
    """Return why rows have a list of another length than its input takes, by their numbers.

    With one input the predictor finds the wrong length. With several, the lists of a row follow each other in its text:
    one that is too long could fill up one that is too short.
    """
    found: dict[int, str] = {}
    for feature in features if len(features) > 1 else ():
        if len(feature.columns) == feature.width:
            continue
        lengths = _lengths(chunk.column(feature.columns[0]))
        for row in np.flatnonzero(lengths != feature.width).tolist():
            seen = f"{lengths[row]} values" if lengths[row] >= 0 else "no list"
            found.setdefault(row, f"{feature.name}: {seen}, there must be {feature.width}")
    return found


def as_texts(chunk: Any, features: Sequence[Feature]) -> list[str]:
    """Return rows as the database holds them: the JSON list of their values in the order of the model's inputs."""
    columns = [chunk.column(name).to_pylist() for feature in features for name in feature.columns]
    rows = (
        [value for cell in row for value in (cell if isinstance(cell, list) else [cell])]
        for row in zip(*columns, strict=True)
    )
    return [to_json(row, inf_nan_mode="constants").decode() for row in rows]
