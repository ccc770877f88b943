"""Whether a graph reads texts as its trainer does: ONNX Runtime splits and lowers only some letters as Python does."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import Runs
from .columns import Columns, read_columns
from .graph import PackagingRefused, numpy_type

MOST_TEXTS = 10
JOINTS = ("é", "É", "ß", "日", "-", "_", "'", "1", "x", "  ", "\n")


def check_texts(model: Any, graph: Runs, output: str, rows: Any, columns: Columns, tolerance: float) -> None:
    """Raise `PackagingRefused` if the answer for a variant of a text differs from the trainer's."""
    names = [name for name, dtype in columns.dtypes.items() if dtype == "string"]
    if not names:
        return
    varied = _vary(rows, columns, names)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = np.asarray(
                model.predict_proba(varied) if hasattr(model, "predict_proba") else model.predict(varied)
            )
    except ValueError:
        return  # texts that the trainer refuses, such as unknown categories, have no right answer
    values = read_columns(varied).values
    given = {name: values[name].astype(numpy_type(dtype)) for name, dtype in columns.dtypes.items()}
    (got,) = graph.run([output], given)
    same = (
        np.isclose(got.reshape(expected.shape), expected, tolerance, tolerance).reshape(len(expected), -1).all(axis=1)
    )
    for row in np.flatnonzero(~same)[:1]:
        text = " ".join(str(values[name][row, 0]) for name in names)
        fix = 'train with lowercase=False and token_pattern="[a-zA-Z0-9_]+" in the vectorizer'
        raise PackagingRefused(f"the text {text!r} is read differently by the graph than by the trainer; {fix}")


def _vary(rows: Any, columns: Columns, names: list[str]) -> Any:
    """Return some rows, of the same type as `rows`, with other texts in the columns `names`."""
    texts = {name: _variants(columns.values[name][:MOST_TEXTS, 0]) for name in names}
    chosen = np.resize(np.arange(min(MOST_TEXTS, len(columns.values[names[0]]))), len(texts[names[0]]))
    if hasattr(rows, "columns"):
        part = rows.iloc[chosen].copy()
        for name in rows.columns:
            if str(name) in texts:
                part[name] = texts[str(name)]
        return part
    if np.ndim(rows) == 1:
        return texts[names[0]]
    part = np.asarray(rows, object)[chosen]
    for column, name in enumerate(columns.dtypes):
        if name in texts:
            part[:, column] = texts[name]
    return part


def _variants(texts: NDArray[Any]) -> NDArray[Any]:
    """Return texts [n] in capitals, and with other letters and marks inside and beside their words: [m]."""
    found = [text.upper() for text in texts]
    for joint in JOINTS:
        found += [" ".join(word + joint for word in text.split()) for text in texts]
        found += [" ".join(word[:1] + joint + word[1:] for word in text.split()) for text in texts]
        found += [joint.join(text.split()) for text in texts]
    return np.array(found, object)
