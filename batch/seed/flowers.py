"""Rows that look like flowers of the Iris data."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert

from ..tables import Item

CHUNK_ROWS = 2_000
# Sepal length and width, petal length and width, in cm: mean and standard deviation of setosa, versicolor, virginica.
MEANS = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
DEVIATIONS = np.array([[0.35, 0.38, 0.17, 0.11], [0.52, 0.31, 0.47, 0.20], [0.64, 0.32, 0.55, 0.27]])


def flowers(rows: int, seed: int) -> Iterator[list[list[float]]]:
    """Yield `rows` rows of four lengths in cm, in chunks; a longer result begins with the rows of a shorter one."""
    random = np.random.default_rng(seed)
    for start in range(0, rows, CHUNK_ROWS):
        kinds = random.integers(len(MEANS), size=CHUNK_ROWS)
        lengths = random.normal(MEANS[kinds], DEVIATIONS[kinds]).clip(min=0.1).round(1)
        yield lengths[: rows - start].tolist()


def add(connection: Connection, rows: Iterable[Any]) -> None:
    """Insert rows, each a list of numbers."""
    connection.execute(insert(Item), [{"values": row} for row in rows])
