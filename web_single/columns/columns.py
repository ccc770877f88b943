"""Rows whose columns have types and names: several inputs, strings, whole numbers, truth values, missing numbers.

Twin: web_single/columns and batch/columns hold this file byte for byte.
"""

import json
import math
import re
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

import numpy as np
from pydantic import Field, GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema
from typing_extensions import TypedDict

from ..artifact import ArtifactRefused
from ..rows import STRICT, Arrays, RowFormat

typed_dict: Any = TypedDict  # its field names come from the graph, which mypy does not accept
SERVED = re.compile(r"float(16|32|64)|u?int(8|16|32|64)|bool|string")


class Columns(RowFormat):
    """The rows of any graph: `row` is a list of values in the order of the inputs, `named` an object by input name."""

    def __init__(self, inputs: list[dict[str, Any]], described: list[dict[str, Any]]) -> None:
        """Raise `ArtifactRefused` if an input cannot be served. `described` says which values may be missing."""
        self._inputs = [(each["name"], _numpy_type(each), each["shape"][1:], _width(each)) for each in inputs]
        self.missing = {str(entry.get("name")) for entry in described if entry.get("missing")}
        if unknown := self.missing - {name for name, *_ in self._inputs}:
            raise ArtifactRefused(f"manifest.json: inputs: model.onnx has no input {min(unknown)!r}")
        self.types = types = {each["name"]: self._type(each["name"], each["dtype"]) for each in inputs}
        widths = {name: width for name, *_, width in self._inputs}
        columns = [types[name] for name in widths for _ in range(widths[name])]
        if len(types) == 1:
            self.row = _list(columns[0], len(columns))
        else:
            self.row = Annotated[tuple.__class_getitem__(tuple(columns)), Field(fail_fast=True)]
        fields = {name: types[name] if widths[name] == 1 else _list(types[name], widths[name]) for name in widths}
        (self.name, dtype, sizes, self.width), *others = self._inputs
        self.dtype = np.dtype(dtype)
        self._is_table = len(sizes) == 1 and not others
        self.named = typed_dict("NamedRow", fields)
        self.named.__pydantic_config__ = STRICT
        self.example = [value for each in inputs for value in _examples(each["dtype"], widths[each["name"]])]

    def arrays(self, rows: Sequence[Any]) -> Arrays:
        """Return the inputs of the graph for rows that were validated; all are lists, or all are objects."""
        named = isinstance(rows[0], dict)
        if self._is_table and not named:
            return super().arrays(rows)
        arrays, stop = {}, 0
        for name, dtype, sizes, width in self._inputs:
            start, stop, part = stop, stop + width, rows
            if named:
                part = [(row[name],) for row in rows] if width == 1 else [row[name] for row in rows]
            elif len(self._inputs) > 1:
                part = [row[start:stop] for row in rows]
            arrays[name] = np.fromiter(chain.from_iterable(part), dtype).reshape(len(rows), *sizes)
        return arrays

    def listed(self, row: Any) -> list[Any]:
        """Return a row that was validated, a list or an object, as a list."""
        if isinstance(row, list):
            return row
        if isinstance(row, tuple):
            return list(row)
        columns = [row[name] for name, *_ in self._inputs]
        return [value for each in columns for value in (each if isinstance(each, list) else [each])]

    def by_name(self, row: list[Any]) -> dict[str, Any]:
        """Return a row as an object."""
        named, stop = {}, 0
        for name, *_, width in self._inputs:
            start, stop = stop, stop + width
            named[name] = row[start] if width == 1 else row[start:stop]
        return named

    def _type(self, name: str, dtype: str) -> Any:
        """Return the type of one value of an input; raise `ArtifactRefused` if the type has no missing value."""
        if name in self.missing and not dtype.startswith("float"):
            fix = "fill missing values first, or export the input as float32"
            raise ArtifactRefused(f"manifest.json: inputs: {name!r} is not a float, so no value may be missing; {fix}")
        if dtype in ("bool", "string"):
            return bool if dtype == "bool" else str
        if not dtype.startswith("float"):
            limits = np.iinfo(dtype)
            return Annotated[int, Field(ge=int(limits.min), le=int(limits.max))]
        limit = float(np.finfo(dtype).max)
        return _number_or_missing(limit) if name in self.missing else Annotated[float, Field(ge=-limit, le=limit)]


def _numpy_type(tensor: dict[str, Any]) -> Any:
    return object if tensor["dtype"] == "string" else tensor["dtype"]


def _width(tensor: dict[str, Any]) -> int:
    """Return the number of an input's values in one row."""
    name, dtype, shape = tensor["name"], tensor["dtype"], tensor["shape"]
    if shape[:1] != [None] or None in shape[1:] or 0 in shape[1:]:
        fix = "export it with a free first dimension for the rows, and no other (PyTorch: dynamic_shapes)"
        raise ArtifactRefused(f"model.onnx: input {name!r} has the shape {json.dumps(shape)}; {fix}")
    if not SERVED.fullmatch(dtype):
        raise ArtifactRefused(f"model.onnx: input {name!r} is {dtype}; export it as numbers, bool or string")
    return math.prod(shape[1:])


def _examples(dtype: str, width: int) -> list[Any]:
    """Return values that most models can be tried with: an Iris flower, or 0 where a number may be a code."""
    if dtype.startswith("float"):
        return [float(value) for value in np.resize([5.1, 3.5, 1.4, 0.2], width)]
    return [{"string": "", "bool": False}.get(dtype, 0)] * width


def _list(kind: Any, length: int) -> Any:
    return Annotated[list[kind], Field(min_length=length, max_length=length, fail_fast=True)]


def _number_or_missing(limit: float) -> Any:
    """Return the type of a number that may be missing: null, or the NaN that Python writes into JSON."""

    def only_nan(value: float) -> float:
        if math.isnan(value):
            return value
        raise ValueError("a number beyond the limit")

    def schema(source: Any, handler: Any) -> Any:
        number = core_schema.float_schema(strict=True, allow_inf_nan=False, ge=-limit, le=limit)
        any_number = core_schema.float_schema(strict=True, allow_inf_nan=True)
        nan = core_schema.no_info_after_validator_function(only_nan, any_number)
        either = core_schema.union_schema([number, core_schema.none_schema(), nan], mode="left_to_right")
        reason = f"Input should be a number between -{limit} and {limit}, or null"
        return core_schema.custom_error_schema(either, "number_or_null", custom_error_message=reason)

    shown = {"anyOf": [{"type": "number", "minimum": -limit, "maximum": limit}, {"type": "null"}]}
    return Annotated[float | None, GetPydanticSchema(schema), WithJsonSchema(shown)]
