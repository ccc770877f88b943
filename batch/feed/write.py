"""Record each chunk that a run completes, in the transaction of the chunk."""

from collections.abc import Sequence

from sqlalchemy import JSON, Connection, insert, literal, select
from sqlalchemy.dialects import mysql, sqlite

from ..runner import Runner
from ..schemas import Predicted
from .tables import Completion, Position


def record_completions(runner: Runner) -> None:
    """Make a run record each write, after it: other runners wait for the lock of the record until the commit."""
    write_done = runner.write_done

    def write_and_record(connection: Connection, rows: Sequence[Predicted], model_version: int) -> None:
        write_done(connection, rows, model_version)
        record(connection, [row.id for row in rows])

    runner.write_done = write_and_record


def record(connection: Connection, ids: Sequence[int]) -> None:
    """Record that rows are done. The lock of the position lasts until the transaction ends."""
    _raise_number(connection)
    numbered = select(Position.number, literal(sorted(ids), JSON)).where(Position.id == 1)
    connection.execute(insert(Completion).from_select(["number", "ids"], numbered))


def _raise_number(connection: Connection) -> None:
    """Raise the number of the last chunk, from 1 on. One statement: several runners may write the first at once."""
    first, next_one = {"id": 1, "number": 1}, {"number": Position.number + 1}
    if connection.dialect.name == "sqlite":
        new = sqlite.insert(Position).values(first)
        connection.execute(new.on_conflict_do_update(index_elements=[Position.id], set_=next_one))
    else:
        connection.execute(mysql.insert(Position).values(first).on_duplicate_key_update(next_one))
