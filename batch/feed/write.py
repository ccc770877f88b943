"""Record each chunk that a run completes, in the transaction of the chunk."""

from collections.abc import Sequence

from sqlalchemy import JSON, Connection, insert, literal, select, update

from ..runner import Runner
from ..schemas import Predicted
from .tables import Completion, Position


def record_completions(runner: Runner) -> None:
    """Let the writes of a run be recorded: the last statements before the commit, as other runners wait for them."""
    write_done = runner.write_done

    def write_and_record(connection: Connection, rows: Sequence[Predicted], model_version: int) -> None:
        write_done(connection, rows, model_version)
        record(connection, [row.id for row in rows])

    runner.write_done = write_and_record


def record(connection: Connection, ids: Sequence[int]) -> None:
    """Record that rows are done. The lock of the position lasts until the transaction ends."""
    only = Position.id == 1
    if not connection.execute(update(Position).where(only).values(number=Position.number + 1)).rowcount:
        connection.execute(insert(Position).values(id=1, number=1))
    numbered = select(Position.number, literal(sorted(ids), JSON)).where(only)
    connection.execute(insert(Completion).from_select(["number", "ids"], numbered))
