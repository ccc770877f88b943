"""Compare the answers of a graph with the trainer's, and with its own to fewer and to other rows."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .graph import Arrays, PackagingRefused, one_line

ALONE = 100  # rows that are also asked alone
OUTLIER = 100  # times the largest number
LEAST = 1e-9  # the smallest scale of answers, as golden/golden.py of the services has it


class Runs(Protocol):
    """A loaded graph."""

    def run(self, names: list[str], rows: Arrays) -> list[NDArray[Any]]:
        """Return the outputs `names` for rows by input name."""


def compare(name: str, expected: Any, got: NDArray[Any], tolerance: float) -> None:
    """Raise `PackagingRefused` for the first value of an output that differs from the trainer's."""
    number = got.dtype.kind == "f"
    try:
        wanted = np.array(expected, np.float64 if number else object)
    except (ValueError, TypeError) as error:
        raise PackagingRefused(f"the golden answers for {name!r} are not numbers: {one_line(error)}") from error
    if wanted.size == got.size and wanted.shape[:1] == got.shape[:1] and 1 in (wanted.ndim, got.ndim):
        wanted = wanted.reshape(got.shape)  # [n] and [n, 1] hold the same answers
    if wanted.shape != got.shape:
        fix = "give the answers of the trainer for this output"
        raise PackagingRefused(f"{name!r} has the shape {got.shape}, the golden answers have {wanted.shape}; {fix}")
    if number:
        equal = np.isclose(got, wanted, tolerance, tolerance * scale(wanted))
    else:
        equal = wanted.astype(str) == got.astype(str)
    for row, *rest in np.argwhere(~equal)[:1].tolist():
        place = f"golden row {row}, {name}{''.join(f'[{index}]' for index in rest)}"
        shown = [f"{each:.6g}" if number else repr(each) for each in (wanted[row, *rest], got[row, *rest])]
        fix = "export the model again (PyTorch: after model.eval()), or change the step that converts wrong"
        raise PackagingRefused(f"{place}: the trainer answers {shown[0]}, the graph {shown[1]}; {fix}")


def scale(expected: NDArray[Any]) -> float:
    """Return what the absolute tolerance is a share of: the largest answer, if all are small, or else 1."""
    return float(np.clip(largest(expected), LEAST, 1))


def check_independence(graph: Runs, output: str, rows: Arrays, answers: NDArray[Any], tolerance: float) -> None:
    """Raise `PackagingRefused` if the answer for a row depends on the other rows, or on chance."""
    absolute = tolerance * scale(answers)
    for row in range(min(len(answers), ALONE)):
        (alone,) = graph.run([output], {name: values[row : row + 1] for name, values in rows.items()})
        if alone.shape[1:] != answers.shape[1:] or not np.allclose(alone[0], answers[row], tolerance, absolute):
            fix = "export it for inference (PyTorch: after model.eval())"
            raise PackagingRefused(f"golden row {row} is answered differently when it is asked alone; {fix}")
    for kinds in ("fiu", "f"):  # a graph may refuse large whole numbers, such as of categories
        try:
            (beside,) = graph.run([output], {name: _with_outlier(values, kinds) for name, values in rows.items()})
        except PackagingRefused:
            continue
        if not np.allclose(beside[: len(answers)], answers, tolerance, absolute):
            fix = "quantize it statically, or export it so that no operator reads all rows together"
            raise PackagingRefused(f"the golden rows are answered differently beside a row of large numbers; {fix}")


def _with_outlier(values: NDArray[Any], kinds: str) -> NDArray[Any]:
    """Return the rows and one more, whose numbers are far larger, and differ, if their type is one of `kinds`."""
    last = values[:1]
    if values.dtype.kind in kinds:
        last = OUTLIER * (1 + largest(values.astype(float))) * np.linspace(1, 2, last.size).reshape(last.shape)
        if values.dtype.kind in "iu":
            last = np.minimum(last, np.iinfo(values.dtype).max // 2)
    return np.concatenate([values, last.astype(values.dtype)])


def largest(values: NDArray[Any]) -> float:
    """Return the largest absolute value, without those that are not finite."""
    return float(np.abs(values).max(initial=0, where=np.isfinite(values)))
