"""The outcome of every row: a trigger in the database logs each committed update of `items`."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnxruntime
from sqlalchemy import Engine, select, text

from batch.embedded import readers
from batch.tables import Item, State
from local.stack import ARTIFACTS

LABELS = ["setosa", "versicolor", "virginica"]


class Verdict(NamedTuple):
    """Rows that broke the promise; all three are 0 when each row was written once and correctly."""

    wrong: int
    doubled: int
    missing: int


def direct(rows: Sequence[Sequence[float]]) -> list[tuple[str, list[float]]]:
    """Labels and probabilities as a session of its own gives them for all rows at once."""
    session = onnxruntime.InferenceSession(ARTIFACTS / "iris" / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {"float_input": np.array(rows, np.float32)})
    return [(LABELS[label], row) for label, row in zip(labels, probabilities.tolist(), strict=True)]


def install(engine: Engine, seconds: float = 0) -> None:
    """Log every update of `items` from now on; an update that is rolled back removes its line from the log.

    Each update takes `seconds` longer, so a runner spends more time in its transactions than in its start.
    """
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE updates (item BIGINT NOT NULL, state VARCHAR(10) NOT NULL)"))
        log = f"BEGIN INSERT INTO updates VALUES (NEW.id, NEW.state); DO SLEEP({seconds}); END"
        connection.execute(text(f"CREATE TRIGGER logged AFTER UPDATE ON items FOR EACH ROW {log}"))


def judge(engine: Engine, rows: Sequence[Sequence[float]]) -> Verdict:
    """Compare the table with a direct run on the `rows` that it was filled with, and with the log."""
    columns = Item.id, Item.state, Item.label, Item.prediction, Item.model_version, Item.attempts
    with readers(engine).connect() as connection:
        updates = Counter(connection.execute(text("SELECT item FROM updates")).scalars())
        found = {row.id: row for row in connection.execute(select(*columns))}
    wrong, missing = 0, len(found.keys() ^ set(range(1, len(rows) + 1)))
    for row_id, (label, probabilities) in enumerate(direct(rows), 1):
        if row := found.get(row_id):
            missing += row.state is not State.DONE or not updates[row_id]
            wrong += row.state is State.DONE and tuple(row)[2:] != (label, probabilities, 1, 1)
    return Verdict(wrong, sum(times > 1 for times in updates.values()), missing)
