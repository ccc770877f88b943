"""Rows that the given ones do not show: with numbers between theirs, halfway between two, zero, and far away."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .table import Table

MIXED_ROWS = 500
MOST_HALFWAY = 20_000  # rows, and fewer of a wide table:
MOST_NUMBERS = 2_000_000  # a trainer may take minutes for more
BETWEEN = 3  # values between those of the rows, for each column
FAR = 10  # times the largest value
LARGEST = 2.0**62  # of an int64, and some


def mix(table: Table, places: list[int], seed: int = 0) -> Any:
    """Return rows whose numbers in the columns `places` lie between those of two rows."""
    draw = np.random.default_rng(seed)
    one, other = draw.integers(0, len(table), (2, MIXED_ROWS))
    share = draw.random(MIXED_ROWS)
    return table.take(one, {place: _between(table, place, one, other, share) for place in places})


def singles(table: Table, places: list[int]) -> Any:
    """Return rows in which one column has another number: between those of the rows, zero, or far away."""
    draw, each = np.random.default_rng(1), BETWEEN + 3
    chosen, other = draw.integers(0, len(table), (2, len(places) * each))
    changes = {}
    for number, place in enumerate(places):
        values = table.column(place)
        own, rows = values[chosen], slice(number * each, (number + 1) * each)
        most = min(np.nanmax(np.abs(values.astype(float)), initial=1), LARGEST / FAR)
        between = _between(table, place, chosen[rows], other[rows], draw.random(each))[:BETWEEN]
        far = FAR * (int(most) if table.kinds[place].startswith("int") else most)
        own[rows] = [*between, 0, far, -far]
        changes[place] = own.astype(np.int64 if table.kinds[place].startswith("int") else float)
    return table.take(chosen, changes)


def halfway(table: Table, places: list[int]) -> Any:
    """Return rows whose numbers lie halfway between neighbours: there a tree has its thresholds."""
    draw = np.random.default_rng(2)
    middles = {place: _middles(table, place) for place in places}
    most = max(len(each) for each in middles.values())
    count = max(MIXED_ROWS, min(most, MOST_HALFWAY, MOST_NUMBERS // len(table.kinds)))
    changes = {place: np.resize(draw.permutation(each), count) for place, each in middles.items() if len(each)}
    return table.take(draw.integers(0, len(table), count), changes)


def short(table: Table, places: list[int]) -> Any:
    """Return rows whose fractions have one to three digits, as people write them: edges of bins lie there."""
    draw = np.random.default_rng(3)
    changes = {}
    for place in (each for each in places if table.kinds[each].startswith("float")):
        values = table.column(place).astype(float)
        known = values[np.isfinite(values)] if np.isfinite(values).any() else np.zeros(1)
        share, digits = draw.random(MIXED_ROWS), draw.integers(1, 4, MIXED_ROWS)
        drawn = np.min(known) * share + np.max(known) * (1 - share)
        changes[place] = np.array([float(f"{v:.{d}g}") for v, d in zip(drawn, digits, strict=True)])
    return table.take(draw.integers(0, len(table), MIXED_ROWS), changes)


def _middles(table: Table, place: int) -> NDArray[Any]:
    """Return what lies halfway between neighbours in a column, as a request has it: whole, or as a decimal."""
    known = np.unique(table.column(place).astype(float))
    known = known[np.isfinite(known)]
    middle = (known[1:] + known[:-1]) / 2
    if table.kinds[place].startswith("int"):
        return np.asarray(middle[middle == middle.round()], np.int64)
    with np.errstate(over="ignore"):
        exact = (middle == middle.round()) | (middle.astype(np.float32) == middle)
    return np.array([value if keep else float(f"{value:.6g}") for value, keep in zip(middle, exact, strict=True)])


def _between(table: Table, place: int, one: NDArray[Any], other: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
    values = table.column(place).astype(float)
    mixed = values[one] * share + values[other] * (1 - share)
    return np.asarray(mixed.round().astype(np.int64) if table.kinds[place].startswith("int") else mixed)
