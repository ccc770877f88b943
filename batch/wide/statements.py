"""Writes a chunk's predictions in as many statements as the database's limit of bytes needs."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, text

from ..database import read
from ..errors import ServiceError
from ..runner import Runner
from ..schemas import Predicted

RESERVED = 2_048  # bytes of a statement that are the same for any number of rows, and of the packet's header
OF_A_ROW = 120  # bytes of a statement for each row: its id three times, and the words around it
LONGEST_LABEL = 255  # characters
MOST_BYTES = 8  # of a character: four in UTF-8, each of them escaped


class PredictionTooLarge(ServiceError):
    """One prediction alone is larger than a statement may be."""


def fit_statements(runner: Runner) -> None:
    """Keep the statements of a run within `max_allowed_packet`; SQLite has no such limit."""
    if runner.engine.dialect.name == "sqlite":
        return
    limit = runner.retry(read, runner.engine, _limit)
    runner.chunk_rows = max(min(runner.chunk_rows, limit // OF_A_ROW), 1)
    write_done = runner.write_done

    def write_in_parts(connection: Connection, rows: Sequence[Predicted], model_version: int) -> None:
        for part in parts(rows, _limit(connection)):
            write_done(connection, part, model_version)

    runner.write_done = write_in_parts


def parts(rows: Sequence[Predicted], limit: int) -> Iterator[Sequence[Predicted]]:
    """Yield `rows` in parts whose statements have at most `limit` bytes."""
    characters = sum([len(row.prediction) for row in rows])  # in most cases this estimate is enough
    if MOST_BYTES * (characters + LONGEST_LABEL * len(rows)) + OF_A_ROW * len(rows) <= limit:
        yield rows
        return
    start, size = 0, 0
    for index, row in enumerate(rows):
        cost = _bytes(row.prediction) + _bytes(row.label or "") + OF_A_ROW
        if cost > limit:
            fix = "raise it, or keep fewer labels with --top"
            raise PredictionTooLarge(f"row {row.id}: {cost:,} bytes, max_allowed_packet allows {limit:,}; {fix}")
        if size + cost > limit:
            yield rows[start:index]
            start, size = index, 0
        size += cost
    yield rows[start:]


def _bytes(value: str) -> int:
    """Return the most bytes of a text in a statement, where quotes and backslashes are escaped."""
    size = len(value.encode())
    return size if value[:1] == "[" and '"' not in value else 2 * size


def _limit(connection: Connection) -> int:
    """Return the most bytes for the rows of a statement. After a failover, a new connection may have another limit."""
    if "statement_bytes" not in connection.info:
        connection.info["statement_bytes"] = read_limit(connection) - RESERVED
    return int(connection.info["statement_bytes"])


def read_limit(connection: Connection) -> int:
    """Return the most bytes that the server takes in one statement."""
    return int(connection.execute(text("SELECT @@max_allowed_packet")).scalar_one())
