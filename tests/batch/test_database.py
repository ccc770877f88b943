import threading
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.exc import DBAPIError

from batch.database import connect
from batch.errors import as_service_error
from batch.retry import is_transient, retrying
from batch.settings import Settings
from batch.tables import Item
from tests.batch.conftest import add, items

ROW = [5.1, 3.5, 1.4, 0.2]


def test_a_transaction_that_loses_a_deadlock_is_tried_again(mariadb: Engine):
    add(mariadb, ROW, ROW)
    both_hold_one = threading.Barrier(2)
    tries: list[int] = []

    def crosswise(first: int, second: int) -> None:
        with mariadb.begin() as connection:
            connection.execute(update(Item).where(Item.id == first).values(attempts=Item.attempts + 1))
            tries.append(first)
            if len(tries) <= 2:
                both_hold_one.wait(60)
            connection.execute(update(Item).where(Item.id == second).values(attempts=Item.attempts + 1))

    threads = [threading.Thread(target=retrying(seconds=10), args=(crosswise, *pair)) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [item.attempts for item in items(mariadb)] == [2, 2]
    assert len(tries) == 3


def test_a_transaction_that_took_longer_than_the_retry_time_is_tried_again_too(mariadb: Engine):
    tries: list[int] = []

    def long_and_then_lost() -> None:
        with mariadb.begin() as connection:
            (number,) = connection.execute(text("SELECT CONNECTION_ID() + SLEEP(0.3)")).one()
            tries.append(number)
            if len(tries) == 1:
                connection.execute(text(f"KILL {int(number)}"))

    retrying(seconds=0.2)(long_and_then_lost)
    assert len(set(tries)) == 2


def test_a_lock_wait_timeout_is_transient_and_a_wrong_statement_is_not(mariadb: Engine):
    add(mariadb, ROW)
    with mariadb.begin() as holder, mariadb.begin() as other:
        holder.execute(update(Item).values(attempts=1))
        other.execute(text("SET innodb_lock_wait_timeout = 1"))
        with pytest.raises(DBAPIError) as waited:
            other.execute(update(Item).values(attempts=2))
    with pytest.raises(DBAPIError) as wrong, mariadb.begin() as connection:
        connection.execute(text("SELEC 1"))
    assert (is_transient(waited.value), is_transient(wrong.value), as_service_error(wrong.value)) == (True, False, None)


def test_the_waiting_for_a_lock_counts_from_the_second_try_on(mariadb: Engine):
    add(mariadb, ROW)
    tries: list[int] = []

    def wait() -> None:
        tries.append(1)
        with mariadb.begin() as other:
            other.execute(text("SET innodb_lock_wait_timeout = 1"))
            other.execute(update(Item).values(attempts=2))

    with mariadb.begin() as holder:
        holder.execute(update(Item).values(attempts=1))
        with pytest.raises(DBAPIError, match="1205"):
            retrying(lambda _: None, seconds=2)(wait)
    assert len(tries) == 2


@pytest.mark.parametrize(
    ("code", "transient"),
    [(code, True) for code in (1226, 3101, 1180, 3032, 3100, 3169)] + [(code, False) for code in (3024, 1129, 1045)],
)
def test_what_another_try_may_get_past_is_transient_and_the_rest_is_one_line(code, transient):
    error = DBAPIError.instance("UPDATE", None, pymysql.OperationalError(code, "the server's words"), pymysql.Error)
    assert is_transient(error) == transient
    assert str(as_service_error(error)) == f'database unavailable: ({code}, "the server\'s words")'


def test_the_folder_of_a_sqlite_file_is_made(tmp_path: Path):
    engine = connect(Settings(database_url=f"sqlite:///{tmp_path}/new/folder/batch.sqlite3"))
    engine.connect().close()
    assert (tmp_path / "new" / "folder" / "batch.sqlite3").exists()
    engine.dispose()


@pytest.fixture
def secret(tmp_path: Path, mariadb: Engine):
    """A user with a password of every awkward kind of character, and the file that holds it."""
    password = "p:@/%?#+'€ word"
    with mariadb.begin() as connection:
        connection.execute(text("CREATE USER secretive@localhost IDENTIFIED BY :password"), {"password": password})
        connection.execute(text("GRANT ALL ON *.* TO secretive@localhost"))
    (tmp_path / "password").write_text(f"{password}\n")
    yield tmp_path / "password"
    with mariadb.begin() as connection:
        connection.execute(text("DROP USER secretive@localhost"))


def test_the_password_comes_from_a_file(mariadb: Engine, secret: Path, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(secret))
    add(mariadb, ROW)
    url = mariadb.url.set(username="secretive").render_as_string(hide_password=False)
    engine = connect(Settings(database_url=url))
    assert [item.values for item in items(engine)] == [ROW]
    engine.dispose()
