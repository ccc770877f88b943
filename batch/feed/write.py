"""Record each chunk that a run completes, in the transaction of the chunk."""

from collections.abc import Sequence

from sqlalchemy import JSON, Connection, bindparam, insert, select
from sqlalchemy.dialects import mysql, sqlite

from ..runner import Runner
from ..schemas import Predicted
from .tables import Completion, Position

# Built once: to build them for each chunk takes as long as to send them.
FIRST, NEXT = {"id": 1, "number": 1}, {"number": Position.number + 1}
RAISE = mysql.insert(Position).values(FIRST).on_duplicate_key_update(NEXT)  # the number of the last chunk, from 1 on
RAISE_ON_SQLITE = sqlite.insert(Position).values(FIRST).on_conflict_do_update(index_elements=[Position.id], set_=NEXT)
NUMBERED = select(Position.number, bindparam("done", type_=JSON)).where(Position.id == 1)
NUMBER_CHUNK = insert(Completion).from_select(["number", "ids"], NUMBERED)


def record_completions(runner: Runner) -> None:
    """Make a run record each write, after it: other runners wait for the lock of the record until the commit."""
    write_done = runner.write_done

    def write_and_record(connection: Connection, rows: Sequence[Predicted], model_version: int) -> None:
        write_done(connection, rows, model_version)
        record(connection, [row.id for row in rows])

    runner.write_done = write_and_record


def record(connection: Connection, ids: Sequence[int]) -> None:
    """Record that rows are done. The lock of the position lasts until the transaction ends."""
    # One statement: several runners may write the first number at once.
    connection.execute(RAISE_ON_SQLITE if connection.dialect.name == "sqlite" else RAISE)
    connection.execute(NUMBER_CHUNK, {"done": sorted(ids)})
