"""Columns of Parquet files as the inputs of a graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import pyarrow
from pyarrow import types

from ..errors import ServiceError
from ..model import Model

# Types that Arrow cannot select rows of yet, and what they are read as. Polars writes strings as views.
WITHOUT_VIEWS = {pyarrow.string_view(): pyarrow.string(), pyarrow.binary_view(): pyarrow.binary()}


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
    """Return the columns of each input: those `given` in the order of the inputs, or those named as the inputs.

    Raises:
        ColumnsRefused: a column does not exist or cannot hold the values of its input.
    """
    inputs = [(each["name"], each["dtype"], tuple(each["shape"][1:])) for each in model.inputs]
    names = [name for name, *_ in inputs]
    columns, count = list(given or names), sum(prod(sizes) for *_, sizes in inputs)
    if len(columns) not in (count, len(inputs)):
        raise ColumnsRefused(f"--columns: {len(columns)} names, the model takes {count} values")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise ColumnsRefused(f"--columns: {twice[0]!r} comes twice")
    features, one_each = [], len(columns) == len(inputs)
    for name, dtype, sizes in inputs:
        own = tuple(columns[: 1 if one_each else prod(sizes)])
        del columns[: len(own)]
        features.append(Feature(name, dtype, sizes, own, name in model.row_format.missing))
    for feature in features:
        _check(feature, schema)
    return features


def find_field(schema: Any, name: str, option: str = "", fix: str = "") -> Any:
    """Return the field of a name; raise `ColumnsRefused` unless exactly one column has it."""
    if name not in schema.names:
        raise ColumnsRefused(f"{option}no column is called {name!r}: there are {', '.join(schema.names)}{fix}")
    if (count := schema.names.count(name)) > 1:
        raise ColumnsRefused(f"{option}{count} columns are called {name!r}: write the file with another name for each")
    return schema.field(name)


def without_views(schema: Any) -> Any:
    """Return a schema with types that Arrow can select rows of."""
    return pyarrow.schema([field.with_type(WITHOUT_VIEWS.get(field.type, field.type)) for field in schema])


def _check(feature: Feature, schema: Any) -> None:
    for column in feature.columns:
        kind = find_field(schema, column, fix="; name the columns in the model's order with --columns").type
        takes_list = len(feature.columns) < feature.width
        is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        fits = not types.is_fixed_size_list(kind) or kind.list_size == feature.width
        if is_list != takes_list or not fits or not _suits(kind.value_type if is_list else kind, feature):
            wanted = f"list of {feature.width} {feature.dtype}" if takes_list else feature.dtype
            raise ColumnsRefused(f"column {column!r} is {kind}, the model's input {feature.name!r} takes {wanted}")


def _suits(kind: Any, feature: Feature) -> bool:
    if feature.dtype in ("string", "bool"):
        kind = kind.value_type if types.is_dictionary(kind) else kind
        is_text = types.is_string(kind) or types.is_large_string(kind)
        return bool(is_text if feature.dtype == "string" else types.is_boolean(kind))
    is_float = feature.dtype.startswith("float") and types.is_floating(kind)
    return bool(types.is_integer(kind) or is_float)
