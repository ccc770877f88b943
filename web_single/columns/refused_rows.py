"""Find the row whose values the graph refuses, such as a category that it does not know or an id out of range."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from ..model import Model, NoAnswer, Run
from ..rows import Arrays


def name_refused_rows(model: Model) -> None:
    """Let `model.run` raise `NoAnswer` for the first row that the graph refuses, and any other failure as it is."""
    run = model.run

    def run_or_name(names: list[str], rows: Arrays) -> list[NDArray[Any]]:
        try:
            return run(names, rows)
        except Exception:
            run(names, model.row_format.arrays([model.sample]))  # if this fails too, the cause is not a row
            for row, result in run_parts(run, names, rows):
                if isinstance(result, Exception):
                    raise NoAnswer(row, refusal(result)) from result
            raise

    model.run = run_or_name


def run_parts(run: Run, names: list[str], rows: Arrays, first: int = 0) -> Iterator[tuple[int, Any]]:
    """Run all rows, or each half alone if that fails; yield the first row of each part, and its outputs or its error.

    Only a part of one row can have an error. The graph refuses that row whatever the other rows are.
    """
    count = len(next(iter(rows.values())))
    try:
        result: Any = run(names, rows)
    except Exception as error:  # noqa: BLE001 - whatever ONNX Runtime raises
        result = error
    if count == 1 or not isinstance(result, Exception):
        yield first, result
        return
    for start, stop in ((0, count // 2), (count // 2, count)):
        part = {name: values[start:stop] for name, values in rows.items()}
        yield from run_parts(run, names, part, first + start)


def refusal(error: Exception) -> str:
    """Return one short line that says why the graph refused a row."""
    message = " ".join(str(error).rpartition("Status Message: ")[2].split())
    return f"the model refuses these values: {message[:160]}"
