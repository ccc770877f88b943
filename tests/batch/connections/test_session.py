"""A server's defaults for new sessions change neither what is read nor what is written."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text, update
from sqlalchemy.exc import DataError, DBAPIError

from batch.connections import session
from batch.database import connect
from batch.feed import record_completions
from batch.feed.read import Cursor, read_feed
from batch.keys import add_once
from batch.migrate import owner, schema
from batch.policies import Policy
from batch.predictor import Predictor
from batch.queries import write_done
from batch.retry import is_transient
from batch.schemas import Predicted
from batch.settings import Settings
from batch.status.record import record
from batch.tables import Item
from tests.batch.conftest import Meanwhile, add, fill, finish, items, new_runner, running, states

ROW = [5.1, 3.5, 1.4, 0.2]
DEFAULTS = {
    "sql_mode": "'EMPTY_STRING_IS_NULL,ANSI_QUOTES'",
    "sql_select_limit": 2,
    "max_join_size": 1,
    "sql_quote_show_create": 0,
    "default_storage_engine": "MyISAM",
    "completion_type": 2,
    "tx_read_only": 1,
}


@pytest.fixture(params=[DEFAULTS], ids=["all"])
def defaults(request: pytest.FixtureRequest, database_url: str) -> Iterator[None]:
    """New sessions have these defaults; those of the server are restored."""
    root = create_engine(database_url)  # one connection, which keeps the defaults that it has
    with root.connect() as connection:
        before = {name: connection.scalar(text(f"SELECT @@GLOBAL.{name}")) for name in request.param}
        for name, value in request.param.items():
            connection.execute(text(f"SET GLOBAL {name} = {value}"))
        yield
        for name, value in before.items():
            connection.execute(text(f"SET GLOBAL {name} = :value"), {"value": value})
    root.dispose()


def engine_of(database_url: str) -> Engine:
    return connect(Settings(database_url=database_url))


def test_a_database_is_created_and_its_rows_are_done(defaults: None, database_url: str, model: Predictor):
    engine = engine_of(database_url)
    schema.upgrade(engine)
    add(engine, *[ROW] * 3)
    runner = new_runner(engine, model)
    with record(runner):  # whose scope is an empty text
        finish(runner)
    kinds = text("SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = DATABASE()")
    with engine.connect() as connection:
        owner.check_owner(connection, schema.REVISION)
        assert connection.scalars(kinds).all() == ["InnoDB"]
    assert states(engine) == "ddd"
    engine.dispose()


@pytest.mark.parametrize("defaults", [{"sql_select_limit": 2}], indirect=True, ids=["limit"])
def test_no_row_is_left_out(mariadb: Engine, defaults: None, database_url: str, model: Predictor):
    fill(mariadb, 5)
    engine = engine_of(database_url)
    runner = new_runner(engine, model)
    record_completions(runner)
    finish(runner)
    with engine.begin() as connection:
        assert len(read_feed(connection, Cursor(), 100, [Item.id])[0]) == 5
        keyed = [(ROW, f"key {number}") for number in range(5)]
        assert add_once(connection, keyed) == add_once(connection, keyed)
    engine.dispose()


@pytest.mark.parametrize("defaults", [{"sql_mode": "''"}], indirect=True, ids=["not strict"])
def test_a_label_that_is_too_long_is_not_cut(mariadb: Engine, defaults: None, database_url: str):
    fill(mariadb, 1)
    engine = engine_of(database_url)
    with engine.begin() as connection, pytest.raises(DataError, match="label"):
        write_done(connection, [Predicted(1, "[1.0]", "x" * 256)], 1)
    engine.dispose()


def test_a_program_that_stops_in_the_middle_of_a_write_loses_its_locks(mariadb: Engine, monkeypatch):
    fill(mariadb, 1)
    monkeypatch.setattr(session, "SET_ALL", session.SET_ALL.replace(f"= {session.IDLE_SECONDS} ", "= 1 "))
    stopped = engine_of(mariadb.url.render_as_string(hide_password=False))
    with stopped.connect() as connection:
        connection.execute(update(Item).values(attempts=1))
        with mariadb.begin() as other:
            other.execute(update(Item).values(attempts=2))
        with pytest.raises(DBAPIError) as lost:
            connection.execute(text("SELECT 1"))
    assert is_transient(lost.value)
    assert [item.attempts for item in items(mariadb)] == [2]
    stopped.dispose()


def test_a_run_that_publishes_all_rows_or_none_may_take_its_time_between_two_writes(
    mariadb: Engine, model: Predictor, monkeypatch
):
    fill(mariadb, 4)
    monkeypatch.setattr(session, "SET_ALL", session.SET_ALL.replace(f"= {session.IDLE_SECONDS} ", "= 1 "))
    engine = engine_of(mariadb.url.render_as_string(hide_password=False))
    runner = new_runner(engine, model, Policy.RETRY_ALL, retry_seconds=0, chunk_rows=2)
    slow = Meanwhile(model.model, lambda _: time.sleep(2))
    slow.runner, runner.model = runner, running(model, slow)
    assert (finish(runner).done, states(mariadb)) == (4, "dddd")
    engine.dispose()
