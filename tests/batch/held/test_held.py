"""Rows that others hold are waited for, and those that are left are counted."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, select, text

from batch.held import held, wait_for_held_rows
from batch.policies import Policy
from batch.predictor import Predictor
from batch.scope.scope import Scope
from batch.stopping.pauses import pausing
from batch.tables import Item
from tests.batch.commands import run
from tests.batch.conftest import add, finish, items, new_runner, states

GOOD, BAD = [5.1, 3.5, 1.4, 0.2], [5.1, None, 1.4, 0.2]


def lock(connection, *ids: int) -> None:
    by_id = select(Item.id).where(Item.id.in_(ids)).with_hint(Item, "FORCE INDEX (PRIMARY)")
    connection.execute(by_id.with_for_update())


@contextmanager
def locked_for(seconds: float, engine: Engine, *ids: int) -> Iterator[None]:
    """Lock rows in a transaction that ends after some seconds."""
    with engine.connect() as other:
        lock(other, *ids)
        release = threading.Timer(seconds, other.rollback)
        release.start()
        yield
        release.join()  # it has the connection to itself until then


def finished(engine: Engine, model: Predictor, scope: Scope | None = None, **options):
    runner = new_runner(engine, model, **options)
    if scope:
        scope.apply(runner)
    with wait_for_held_rows(runner, pausing(runner)):
        finish(runner)
    return runner.result


def test_rows_that_another_transaction_holds_are_left_with_their_number_and_exit_code_8(mariadb: Engine):
    add(mariadb, *[GOOD] * 5, BAD)
    with mariadb.begin() as other:
        lock(other, 1, 2)
        first, second = run("job", mariadb), run("job", mariadb, "--json", "--max-attempts", "1")
    assert (first.returncode, second.returncode, states(mariadb)) == (3, 8, "ppdddf")
    assert first.stdout.startswith("3 rows predicted, 1 failed, 2 left because others hold them, ")
    assert [json.loads(second.stdout)[name] for name in ("waiting", "rows", "held")] == [2, 0, 2]


def test_rows_that_others_hold_are_an_error_also_where_failed_rows_are_not(mariadb: Engine):
    add(mariadb, GOOD, BAD)
    with mariadb.begin() as other:
        lock(other, 1)
        done = run("job", mariadb, "--allow-failed")
    assert (done.returncode, states(mariadb)) == (8, "pf")


def test_a_row_that_failed_for_the_last_time_does_not_hide_one_that_is_held(mariadb: Engine):
    add(mariadb, GOOD, BAD)
    with mariadb.begin() as other:
        lock(other, 1)
        done = run("job", mariadb, "--allow-failed", "--max-attempts", "1")
    assert (done.returncode, states(mariadb)) == (8, "pf")


def test_of_a_limited_run_the_held_rows_within_the_limit_are_counted(mariadb: Engine, model: Predictor, monkeypatch):
    monkeypatch.setenv("HELD_ROWS_SECONDS", "0")
    add(mariadb, BAD, BAD, *[GOOD] * 3)
    with mariadb.begin() as other:
        lock(other, 3, 4, 5)
        result = finished(mariadb, model, Scope(max_rows=4))
    assert (result.held, result.failed, states(mariadb)) == (2, {1, 2}, "ffppp")


def test_a_run_that_could_claim_no_row_does_not_say_that_there_is_nothing_to_do(mariadb: Engine):
    add(mariadb, GOOD)
    with mariadb.begin() as other:
        lock(other, 1)
        held = run("job", mariadb)
    assert (held.returncode, held.stdout.partition(" s, ")[0][:54]) == (
        8,
        "0 rows predicted, 0 failed, 1 left because others hold",
    )
    assert run("job", mariadb).returncode == 0


def test_rows_that_are_released_in_time_are_predicted_by_the_run(mariadb: Engine, model: Predictor, monkeypatch):
    monkeypatch.setenv("HELD_ROWS_SECONDS", "60")
    add(mariadb, *[GOOD] * 4)
    with locked_for(0.5, mariadb, 1, 2):
        result = finished(mariadb, model)
    assert (result.done, result.held, states(mariadb)) == (4, 0, "dddd")


def test_rows_that_are_released_between_the_last_claim_and_the_count_are_predicted_by_the_run(
    mariadb: Engine, model: Predictor, monkeypatch
):
    add(mariadb, *[GOOD] * 4)
    with mariadb.connect() as other:
        lock(other, 1, 2)
        count_held = held.count_held
        monkeypatch.setattr(held, "count_held", lambda runner: (other.rollback(), count_held(runner))[1])
        result = finished(mariadb, model)
    assert (result.done, result.held, states(mariadb)) == (4, 0, "dddd")


def test_failed_rows_and_those_of_an_older_model_that_are_released_in_time_are_tried_once(
    mariadb: Engine, model: Predictor, monkeypatch
):
    monkeypatch.setenv("HELD_ROWS_SECONDS", "60")
    add(mariadb, GOOD, GOOD, BAD, BAD)
    for state, scope in (("failed", Scope()), ("done", Scope(rescore=True)), ("done", Scope(rescore=True, max_rows=4))):
        with mariadb.begin() as connection:
            connection.execute(text(f"UPDATE items SET state = '{state}', model_version = 0, attempts = 0"))
        with locked_for(0.5, mariadb, 1, 3):
            result = finished(mariadb, model, scope)
        assert (result.done, result.failed, result.held) == (2, {3, 4}, 0)
        assert [item.attempts for item in items(mariadb)] == [1, 1, 1, 1]


def test_retry_all_counts_the_rows_that_are_held_and_does_not_wait_for_them(
    mariadb: Engine, model: Predictor, monkeypatch
):
    monkeypatch.setenv("HELD_ROWS_SECONDS", "60")
    add(mariadb, *[GOOD] * 4)
    with locked_for(2, mariadb, 1, 2):
        result = finished(mariadb, model, policy=Policy.RETRY_ALL)
    assert (result.done, result.held, states(mariadb)) == (2, 2, "ppdd")


def test_rows_that_failed_or_are_beyond_the_scope_are_not_held(engine: Engine, model: Predictor, monkeypatch):
    monkeypatch.setenv("HELD_ROWS_SECONDS", "0")
    add(engine, GOOD, BAD, *[GOOD] * 4)
    result = finished(engine, model, Scope(max_rows=3))
    assert (result.held, result.failed, states(engine)) == (0, {2}, "dfdppp")
    assert finished(engine, model).held == 0


def test_a_row_that_is_held_during_a_rescoring_is_counted(mariadb: Engine, model: Predictor, monkeypatch):
    monkeypatch.setenv("HELD_ROWS_SECONDS", "0")
    add(mariadb, *[GOOD] * 3)
    with mariadb.begin() as connection:
        connection.execute(text("UPDATE items SET state = 'done', model_version = 0"))
    with mariadb.begin() as other:
        lock(other, 2)
        result = finished(mariadb, model, Scope(rescore=True))
    assert (result.done, result.held) == (2, 1)
    assert [item.model_version for item in items(mariadb)] == [1, 0, 1]
