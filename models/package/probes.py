"""Whether a graph answers as its trainer for numbers that the given rows do not show: others, zero, large, missing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .comparison import Runs, largest
from .graph import PackagingRefused
from .other_rows import BETWEEN, halfway, mix, short, singles
from .table import Table, ask_taken, pick

COLUMNS_AT_ONCE = 200
WHOLE = "give a DataFrame with whole numbers or texts for categories"
ENCODE = "encode it with OneHotEncoder, or OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1)"


def check_numbers(model: Any, graph: Runs, output: str, table: Table, tolerance: float) -> None:
    """Raise `PackagingRefused` if the graph differs from the trainer for other numbers, or answers what it refuses."""
    places = table.numbers()
    free: list[int] = []
    for start in range(0, len(places), COLUMNS_AT_ONCE):
        group = places[start : start + COLUMNS_AT_ONCE]
        part, refused = _compare(model, graph, output, table, singles(table, group), 10 * tolerance)
        each = len(part) // len(group)
        for row in find_answered(graph, output, table, part, refused)[:1]:
            place = group[row // each]
            reason = f"the trainer refuses {pick(part, row, place)} in column {table.names[place]!r}"
            fix = ENCODE if table.kinds[place].startswith("int") else f"{WHOLE}, or {ENCODE}"
            raise PackagingRefused(f"{reason}, but the graph answers it; {fix}")
        stuck = {group[row // each] for row in refused if row % each < BETWEEN}
        free += [place for place in group if place not in stuck]
    for part in (make(table, free) for make in (mix, halfway, short) if free):
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
