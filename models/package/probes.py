"""Whether a graph answers as its trainer for numbers that the given rows do not show: others, zero, large, missing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .comparison import Runs, largest
from .graph import PackagingRefused
from .table import Table, ask_taken, pick

MIXED_ROWS = 500
COLUMNS_AT_ONCE = 200
BETWEEN = 3  # values between those of the rows, for each column
FAR = 10  # times the largest value
LARGEST = 2.0**62  # of an int64, and some
WHOLE = "give a DataFrame with whole numbers or texts for categories"
ENCODE = "encode it with OneHotEncoder, or OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1)"


def mix(table: Table, places: list[int], seed: int = 0) -> Any:
    """Return rows whose numbers in the columns `places` lie between those of two rows."""
    draw = np.random.default_rng(seed)
    one, other = draw.integers(0, len(table), (2, MIXED_ROWS))
    share = draw.random(MIXED_ROWS)
    return table.take(one, {place: _between(table, place, one, other, share) for place in places})


def check_numbers(model: Any, graph: Runs, output: str, table: Table, tolerance: float) -> None:
    """Raise `PackagingRefused` if the graph differs from the trainer for other numbers, or answers what it refuses."""
    places = table.numbers()
    free: list[int] = []
    for start in range(0, len(places), COLUMNS_AT_ONCE):
        group = places[start : start + COLUMNS_AT_ONCE]
        part, refused = _compare(model, graph, output, table, _singles(table, group), 10 * tolerance)
        each = len(part) // len(group)
        for row in find_answered(graph, output, table, part, refused)[:1]:
            place = group[row // each]
            reason = f"the trainer refuses {pick(part, row, place)} in column {table.names[place]!r}"
            fix = ENCODE if table.kinds[place].startswith("int") else f"{WHOLE}, or {ENCODE}"
            raise PackagingRefused(f"{reason}, but the graph answers it; {fix}")
        stuck = {group[row // each] for row in refused if row % each < BETWEEN}
        free += [place for place in group if place not in stuck]
    for part in (mix(table, free), _halfway(table, free)) if free else ():
        _compare(model, graph, output, table, part, tolerance, labels=hasattr(model, "classes_"))


def check_missing(model: Any, graph: Runs, output: str, table: Table, tolerance: float) -> None:
    """Raise `PackagingRefused` if one column of a matrix takes missing numbers, and another does not.

    A missing number is declared for an input of the graph, and all columns of a matrix are one.
    """
    if not table.is_matrix or not np.isnan(table.columns.values["X"]).any():
        return
    for start in range(0, len(table.names), COLUMNS_AT_ONCE):
        group = range(start, min(start + COLUMNS_AT_ONCE, len(table.names)))
        part = table.take(np.resize(np.arange(len(table)), len(group)), {})
        part[np.arange(len(group)), group] = np.nan
        taken, answers = ask_taken(model, part)
        refused = sorted({*range(len(part))} - {*taken})
        wrong = find_answered(graph, output, table, part, refused)
        if taken:
            (got,) = graph.run([output], table.tensors(part[taken]))
            wrong += [taken[row] for row in np.flatnonzero(~is_same(got, np.array(answers), tolerance))]
        for row in wrong[:1]:
            reason = f"column {start + row} of the matrix is not answered as by the trainer when its number is missing"
            raise PackagingRefused(f"{reason}, but other columns have missing numbers; give the rows as a DataFrame")


def find_answered(graph: Runs, output: str, table: Table, part: Any, refused: list[int]) -> list[int]:
    """Return which of the rows that a trainer has refused get an answer of the graph."""
    return [row for row in refused if _answers(graph, output, table, pick(part, slice(row, row + 1)))]


def is_same(got: NDArray[Any], expected: NDArray[Any], tolerance: float) -> NDArray[Any]:
    """Return for each row whether the graph gives the trainer's answer, or none."""
    got = got.reshape(expected.shape)
    same = np.isclose(got, expected, tolerance, tolerance * largest(expected), equal_nan=True) | ~np.isfinite(got)
    return np.asarray(same.reshape(len(expected), -1).all(axis=1))


def _compare(
    model: Any, graph: Runs, output: str, table: Table, part: Any, tolerance: float, labels: bool = False
) -> tuple[Any, list[int]]:
    """Compare the graph with the trainer; return the rows, and the numbers of those that the trainer refuses.

    Args:
        labels: the first of the highest probabilities must also be that of the label which the trainer predicts.
    """
    taken, answers = ask_taken(model, part)
    if taken:
        chosen, expected = pick(part, taken), np.array(answers)
        (got,) = graph.run([output], table.tensors(chosen))
        right = is_same(got, expected, tolerance)
        if labels:
            right &= np.asarray(model.classes_)[got.argmax(axis=1)] == np.asarray(model.predict(chosen))
        for row in np.flatnonzero(~right)[:1]:
            shown = [np.array2string(each[row], precision=8, threshold=4) for each in (expected, got)]
            values = str(pick(chosen, row).tolist())[:99]
            reason = f"for {values} the trainer answers {shown[0]}, the graph {shown[1]}"
            fix = f"change the step that converts wrong, or {WHOLE}"
            raise PackagingRefused(f"{' '.join(reason.split())}; {fix}")
    return part, sorted({*range(len(part))} - {*taken})


def _answers(graph: Runs, output: str, table: Table, part: Any) -> bool:
    try:
        return bool(np.isfinite(graph.run([output], table.tensors(part))[0]).all())
    except PackagingRefused:
        return False


def _singles(table: Table, places: list[int]) -> Any:
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


def _halfway(table: Table, places: list[int]) -> Any:
    """Return rows whose numbers lie halfway between neighbours, as decimals: there a tree has its thresholds."""
    draw = np.random.default_rng(2)
    chosen, changes = draw.integers(0, len(table), MIXED_ROWS), {}
    for place in places:
        known = np.unique(table.column(place).astype(float))
        known = known[np.isfinite(known)]
        if table.kinds[place].startswith("float") and len(known) > 1:
            middle = draw.choice((known[1:] + known[:-1]) / 2, MIXED_ROWS)
            changes[place] = np.array([float(f"{value:.6g}") for value in middle])
    return table.take(chosen, changes)


def _between(table: Table, place: int, one: NDArray[Any], other: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
    values = table.column(place).astype(float)
    mixed = values[one] * share + values[other] * (1 - share)
    return np.asarray(mixed.round().astype(np.int64) if table.kinds[place].startswith("int") else mixed)
