"""Ways to write many predictions back, each alone: nothing is claimed or predicted, the predictions are given."""

import tempfile
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from batch import fast
from batch.schemas import Predicted

from ..report import Figure
from .baseline import update
from .environment import Environment

CHUNK_ROWS = 1_000
DATABASE = "writes"
REST = "state = 'done', model_version = 1, attempts = attempts + 1, reason = NULL, updated_at = CURRENT_TIMESTAMP"
ONE = f"UPDATE items SET prediction = %s, label = %s, {REST} WHERE id = %s"  # noqa: S608
JOINED = f"SET items.prediction = new.prediction, items.label = new.label, {REST}"
NEW_TABLE = "CREATE TEMPORARY TABLE new (id BIGINT PRIMARY KEY, prediction LONGTEXT, label VARCHAR(255))"

Write = Callable[[Connection, Sequence[Predicted]], None]


def _values(chunk: Sequence[Predicted], form: str = "({0.id},'{0.prediction}','{0.label}')") -> str:
    return ",".join([form.format(row) for row in chunk])


def row_by_row(connection: Connection, chunk: Sequence[Predicted]) -> None:
    """As the book's job does: one SELECT, one UPDATE and one COMMIT for each row."""
    for row in chunk:
        connection.exec_driver_sql("SELECT * FROM items WHERE id = %s", (row.id,))
        connection.exec_driver_sql(ONE, (row.prediction, row.label, row.id))
        connection.commit()


def executemany(connection: Connection, chunk: Sequence[Predicted]) -> None:
    """As a data frame is written by a loop over it: one UPDATE for each row, one COMMIT for the chunk."""
    connection.exec_driver_sql(ONE, [(row.prediction, row.label, row.id) for row in chunk])


def upsert(connection: Connection, chunk: Sequence[Predicted]) -> None:
    """INSERT ... ON DUPLICATE KEY UPDATE; it would bring back a row that was deleted, here with a made-up input."""
    rows = _values(chunk, "({0.id},'[]','{0.prediction}','{0.label}')")
    merged = f"prediction = VALUES(prediction), label = VALUES(label), {REST}"
    statement = f"INSERT INTO items (id, `values`, prediction, label) VALUES {rows} ON DUPLICATE KEY UPDATE {merged}"  # noqa: S608
    connection.exec_driver_sql(statement)


def temporary_table(connection: Connection, chunk: Sequence[Predicted]) -> None:
    """INSERT into a new temporary table, then UPDATE with a join."""
    connection.exec_driver_sql("DROP TEMPORARY TABLE IF EXISTS new")
    connection.exec_driver_sql(NEW_TABLE)
    connection.exec_driver_sql(f"INSERT INTO new VALUES {_values(chunk)}")  # noqa: S608
    connection.exec_driver_sql(f"UPDATE items JOIN new ON new.id = items.id {JOINED}")


def load_data(connection: Connection, chunk: Sequence[Predicted]) -> None:
    """The same with LOAD DATA LOCAL, which servers and drivers must both allow."""
    connection.exec_driver_sql("DROP TEMPORARY TABLE IF EXISTS new")
    connection.exec_driver_sql(NEW_TABLE)
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.writelines(f"{row.id}\t{row.prediction}\t{row.label}\n" for row in chunk)
        file.flush()
        connection.exec_driver_sql(f"LOAD DATA LOCAL INFILE '{file.name}' INTO TABLE new")
    connection.exec_driver_sql(f"UPDATE items JOIN new ON new.id = items.id {JOINED}")


def values_table(connection: Connection, chunk: Sequence[Predicted]) -> None:
    """UPDATE with a join to a table in the statement itself."""
    new = f"(WITH new (id, prediction, label) AS (VALUES {_values(chunk)}) SELECT * FROM new) AS new"  # noqa: S608
    connection.exec_driver_sql(f"UPDATE items JOIN {new} ON new.id = items.id {JOINED}")


def ours(connection: Connection, chunk: Sequence[Predicted]) -> None:
    """UPDATE ... CASE id ... WHERE id IN: what the job sends."""
    fast.write_done(connection, chunk, 1)


# The write, the rows in a chunk, and the share of the rows that it is measured on.
WAYS: dict[str, tuple[Write, int, float]] = {
    "row by row": (row_by_row, CHUNK_ROWS, 0.01),
    "executemany": (executemany, CHUNK_ROWS, 0.1),
    "upsert": (upsert, CHUNK_ROWS, 1),
    "temporary table": (temporary_table, CHUNK_ROWS, 1),
    "LOAD DATA LOCAL": (load_data, CHUNK_ROWS, 1),
    "VALUES table": (values_table, CHUNK_ROWS, 1),
    **{f"CASE, {rows} rows (ours)": (ours, rows, 1) for rows in (300, 500, 1_000)},
}


def compare(environment: Environment, rounds: int, rows: int) -> list[Figure]:
    """Let all ways take turns on the same rows, each time next to one UPDATE of all of them."""
    engine = environment.create(DATABASE, rows)
    speeds: dict[str, list[float]] = {name: [] for name in WAYS}
    limits: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, (write, chunk_rows, share) in WAYS.items():
            limits[name].append(rows / update(environment, DATABASE))
            speeds[name].append(_speed(environment, engine.connect, write, chunk_rows, max(1, int(rows * share))))
    engine.dispose()
    return [Figure(name, "rows/s", speeds[name], limits[name]) for name in WAYS]


def _speed(
    environment: Environment, connect: Callable[[], Connection], write: Write, chunk_rows: int, rows: int
) -> float:
    environment.refill(DATABASE)
    with connect() as connection:
        began = time.monotonic()
        for start in range(1, rows + 1, chunk_rows):
            write(connection, _predicted(start, min(start + chunk_rows, rows + 1)))
            connection.commit()
        seconds = time.monotonic() - began
        written = "SELECT COUNT(*) FROM items WHERE state = 'done' AND label <> '' AND JSON_VALID(prediction)"
        assert connection.exec_driver_sql(written).scalar_one() == rows, write.__doc__
    return rows / seconds


def _predicted(start: int, stop: int) -> list[Predicted]:
    labels = ("setosa", "versicolor", "virginica")
    return [
        Predicted(row_id, f"[0.976859748363{row_id % 1000:03},0.015393489971756935,0.0077467]", labels[row_id % 3])
        for row_id in range(start, stop)
    ]
