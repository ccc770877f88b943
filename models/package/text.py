"""Whether a graph reads texts as its trainer does: ONNX Runtime splits and lowers only some letters as Python does."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .comparison import Runs
from .graph import PackagingRefused
from .probes import ENCODE, find_answered, is_same
from .table import REFUSALS, Table, ask, ask_taken

MOST_TEXTS = 100  # and one for each label
NO_BREAK_SPACE, ARABIC_ONE = "\u00a0", "\u0661"
JOINTS = ("é", "É", "ß", "日", "-", "_", "'", "1", "x", "  ", "\n", NO_BREAK_SPACE, ARABIC_ONE)
UNKNOWN = "not among the categories"


def check_texts(model: Any, graph: Runs, output: str, table: Table, tolerance: float) -> None:
    """Raise `PackagingRefused` if the answer for a variant of a text differs from the trainer's."""
    for place, kind in enumerate(table.kinds):
        if kind == "string":
            _check_column(model, graph, output, table, place, tolerance)


def _check_column(model: Any, graph: Runs, output: str, table: Table, place: int, tolerance: float) -> None:
    """Compare the graph with the trainer for variants of the texts in one column, as long as the trainer takes them."""
    spread = _spread(model, table)
    texts = _variants(table.column(place)[spread])
    chosen = np.resize(spread, len(texts))
    varied = table.take(chosen, {place: texts})
    try:
        expected = ask(model, varied)
    except REFUSALS:  # categories
        _check_unknown(model, graph, output, table, place)
        return
    (got,) = graph.run([output], table.tensors(varied))
    for row in np.flatnonzero(~is_same(got, expected, tolerance))[:1]:
        fix = 'train with lowercase=False and token_pattern="[a-zA-Z0-9_]+" in the vectorizer'
        raise PackagingRefused(f"the text {texts[row]!r} is read differently by the graph than by the trainer; {fix}")


def _spread(model: Any, table: Table) -> NDArray[Any]:
    """Return the numbers of rows from the whole table, which may be sorted, with each label that the model predicts."""
    chosen = {*np.linspace(0, len(table) - 1, MOST_TEXTS).astype(int).tolist()}
    if hasattr(model, "classes_"):
        best = ask(model, table.rows).argmax(axis=1)
        chosen |= {*np.unique(best, return_index=True)[1].tolist()}
    return np.array(sorted(chosen))


def _check_unknown(model: Any, graph: Runs, output: str, table: Table, place: int) -> None:
    """Raise `PackagingRefused` if the graph answers a category that the trainer refuses."""
    part = table.take(np.array([0, 0]), {place: np.array([table.column(place)[0], UNKNOWN], object)})
    taken, _ = ask_taken(model, part)
    if taken == [0] and find_answered(graph, output, table, part, [1]):
        reason = f"the trainer refuses an unknown text in column {table.names[place]!r}, but the graph answers it"
        raise PackagingRefused(f"{reason}; {ENCODE}")


def _variants(texts: NDArray[Any]) -> NDArray[Any]:
    """Return texts [n] in capitals, and with other letters and marks inside and beside their words: [m]."""
    found = [text.upper() for text in texts]
    for joint in JOINTS:
        found += [" ".join(word + joint for word in text.split()) for text in texts]
        found += [" ".join(word[:1] + joint + word[1:] for word in text.split()) for text in texts]
        found += [joint.join(text.split()) for text in texts]
    return np.array(found, object)
