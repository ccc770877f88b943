"""Several programs use one SQLite file at once."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import DBAPIError

from batch.database import connect
from batch.embedded import readers
from batch.queries import Part, write_failed
from batch.retry import is_transient
from batch.settings import Settings
from batch.tables import Item, State
from tests.batch.conftest import add

ROW = [5.1, 3.5, 1.4, 0.2]
PRAGMAS = {"journal_mode": "wal", "busy_timeout": 30_000}


def claim(connection: Connection, limit: int) -> list[int]:
    return [row.id for row in Part(State.PENDING).claim(connection, None, limit)]


def test_on_sqlite_a_second_claim_waits_for_the_first_transaction(sqlite: Engine):
    add(sqlite, *[ROW] * 3)
    seen: list[int] = []

    def second() -> None:
        with sqlite.begin() as connection:
            seen.extend(claim(connection, 100))

    with sqlite.begin() as connection:
        ids = claim(connection, 2)
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        write_failed(connection, dict.fromkeys(ids, "taken"))
    waiting.join(60)
    assert (ids, seen) == ([1, 2], [3])


def test_a_busy_sqlite_file_is_transient(sqlite: Engine):
    with sqlite.begin():
        raw = sqlite3.connect(sqlite.url.database, timeout=0)
        with pytest.raises(sqlite3.OperationalError) as busy:
            raw.execute("BEGIN IMMEDIATE")
        raw.close()
    assert is_transient(DBAPIError.instance("BEGIN IMMEDIATE", None, busy.value, sqlite3.Error))


def test_reading_sqlite_does_not_wait_for_a_writer(sqlite: Engine):
    add(sqlite, ROW)
    with sqlite.begin() as writer:
        writer.execute(update(Item).values(attempts=5))
        with readers(sqlite).connect() as reader:
            assert reader.execute(select(Item.attempts)).scalar_one() == 0


def test_an_sqlite_file_is_in_wal_mode_and_its_lock_is_waited_for(tmp_path: Path):
    engine = connect(Settings(database_url=f"sqlite:///{tmp_path}/batch.sqlite3"))
    with engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in PRAGMAS}
    assert found == PRAGMAS
    engine.dispose()
