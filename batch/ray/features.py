"""Columns of Parquet files as the inputs of a graph. Rows that need a closer look are left to the predictor."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute, types
from pydantic_core import to_json

from ..errors import ServiceError
from ..model import Model
from ..rows import Arrays

Checked = tuple[NDArray[Any], NDArray[np.bool_]]  # values, and whether each may be given to the model as it is


class ColumnsRefused(ServiceError):
    """The columns of a file are not the inputs of the model."""


@dataclass(frozen=True)
class Feature:
    """An input of the graph and its columns: one for each value of a row, or one column of lists."""

    name: str
    dtype: str
    sizes: tuple[int, ...]
    columns: tuple[str, ...]
    missing: bool

    @property
    def width(self) -> int:
        return prod(self.sizes)


def find_features(model: Model, schema: Any, given: Sequence[str]) -> list[Feature]:
    """Return the columns of each input: those that were `given` in the order of the inputs, or those with their names.

    Raises:
        ColumnsRefused: a column does not exist or cannot hold the values of its input.
    """
    inputs = [(each["name"], each["dtype"], tuple(each["shape"][1:])) for each in model.inputs]
    names = [name for name, *_ in inputs]
    columns, count = list(given or names), sum(prod(sizes) for *_, sizes in inputs)
    if len(columns) not in (count, len(inputs)):
        raise ColumnsRefused(f"--columns: {len(columns)} names, the model takes {count} values")
    features, one_each = [], len(columns) == len(inputs)
    for name, dtype, sizes in inputs:
        own = tuple(columns[: 1 if one_each else prod(sizes)])
        del columns[: len(own)]
        features.append(Feature(name, dtype, sizes, own, name in model.row_format.missing))
    for feature in features:
        _check(feature, schema)
    return features


def _check(feature: Feature, schema: Any) -> None:
    for column in feature.columns:
        if column not in schema.names:
            fix = "name the columns in the model's order with --columns"
            raise ColumnsRefused(f"no column is called {column!r}: there are {', '.join(schema.names)}; {fix}")
        kind = schema.field(column).type
        is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        if is_list != (len(feature.columns) < feature.width) or not _suits(
            kind.value_type if is_list else kind, feature
        ):
            wanted = (
                feature.dtype if len(feature.columns) == feature.width else f"list of {feature.width} {feature.dtype}"
            )
            raise ColumnsRefused(f"column {column!r} is {kind}, the model's input {feature.name!r} takes {wanted}")


def _suits(kind: Any, feature: Feature) -> bool:
    if feature.dtype in ("string", "bool"):
        kind = kind.value_type if types.is_dictionary(kind) else kind
        is_text = types.is_string(kind) or types.is_large_string(kind)
        return bool(is_text if feature.dtype == "string" else types.is_boolean(kind))
    is_float = feature.dtype.startswith("float") and types.is_floating(kind)
    return bool(types.is_integer(kind) or is_float)


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
    lengths = compute.fill_null(compute.list_value_length(column), -1).to_numpy(zero_copy_only=False)
    allowed = lengths == feature.width
    flat, flat_allowed = _read_values(compute.list_flatten(column.filter(pyarrow.array(allowed))), feature)
    values = np.zeros((len(column), feature.width), flat.dtype)
    values[allowed] = flat.reshape(-1, feature.width)
    allowed[allowed] = flat_allowed.reshape(-1, feature.width).all(axis=1)
    return values, allowed


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


def as_texts(chunk: Any, features: Sequence[Feature]) -> list[str]:
    """Return rows as the database holds them: the JSON list of their values in the order of the model's inputs."""
    columns = [chunk.column(name).to_pylist() for feature in features for name in feature.columns]
    rows = (
        [value for cell in row for value in (cell if isinstance(cell, list) else [cell])]
        for row in zip(*columns, strict=True)
    )
    return [to_json(row, inf_nan_mode="constants").decode() for row in rows]
