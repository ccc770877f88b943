"""The columns of a file of predictions, as a model's manifest gives them."""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

Columns = Mapping[str, type]


def value_columns(manifest: dict[str, Any]) -> Columns:
    """Return a column for each value of a row, by the names of the inputs; those of a single input have numbers.

    All have numbers, too, if two values would have the same name, such as `emb_1` and the first value of `emb`.
    """
    names, kinds = list[str](), list[type]()
    for each in manifest["inputs"]:
        width = prod(each["shape"][1:])
        names += [each["name"]] if width == 1 else [f"{each['name']}_{number}" for number in range(1, width + 1)]
        kinds += [_kind(each["dtype"])] * width
    if len(manifest["inputs"]) == 1 or len({*names}) < len(names):
        names = [str(number) for number in range(1, len(names) + 1)]
    return {f"value_{name}": kind for name, kind in zip(names, kinds, strict=True)}


def answer_columns(manifest: dict[str, Any]) -> Columns:
    """Return the columns of an answer: a label and its probabilities, or the values of a regressor."""
    if manifest.get("task") != "regression":
        return {"label": str} | {f"probability_{label}": float for label in manifest["labels"]}
    shapes = {output["name"]: output["shape"] for output in manifest["outputs"]}
    count = prod(shapes[manifest.get("output") or next(iter(shapes))][1:])
    return {f"prediction_{n}" if count > 1 else "prediction": float for n in range(1, count + 1)}


def flat(parts: Iterable[Any]) -> list[Any]:
    """Return the values of parts that are values or lists of them."""
    return [value for part in parts for value in (part if isinstance(part, list) else [part])]


def _kind(dtype: str) -> type:
    if dtype in ("string", "bool"):
        return str if dtype == "string" else bool
    return float if dtype.startswith("float") else int
