import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event, text, update
from sqlalchemy.exc import InterfaceError

from batch.embedded import readers
from batch.policies import Policy
from batch.predictor import Predictor
from batch.scope.scope import Scope
from batch.status import record
from batch.status.__main__ import status
from batch.tables import Item, State
from local.processes import wait_until
from tests.batch.commands import run
from tests.batch.conftest import add, count, count_of, finish, new_runner, running

GOOD, BAD = [5.1, 3.5, 1.4, 0.2], [5.1, None, 1.4, 0.2]


def last_run(engine: Engine) -> dict[str, Any]:
    with readers(engine).connect() as connection:
        return status(connection, 1)["runs"][0]


def recorded(engine: Engine, model: Predictor, policy: Policy = Policy.LEAVE, report=lambda rows: None, **scope):
    runner = new_runner(engine, model, policy, chunk_rows=2, retry_seconds=0, hooks=[report])
    Scope(**scope).apply(runner)
    with record.record(runner):
        finish(runner)


def test_a_run_is_recorded_with_its_options_and_its_result(engine: Engine, model: Predictor):
    add(engine, *[GOOD] * 3, BAD)
    recorded(engine, model, since="2026-01-01 00:00:00", max_rows=3)
    recorded(engine, model)
    with readers(engine).connect() as connection:
        last, first = status(connection, 9)["runs"]
    asked = ("outcome", "rows_done", "rows_failed", "policy", "scope", "model_version")
    assert [first[name] for name in asked] == ["done", 3, 0, "leave", "--since 2026-01-01T00:00:00 --max-rows 3", 1]
    assert [last[name] for name in asked] == ["rows failed", 0, 1, "leave", "", 1]
    assert first["started_at"] <= first["finished_at"] <= last["finished_at"]


def test_a_run_shows_how_far_it_has_come_while_it_runs(engine: Engine, model: Predictor, monkeypatch):
    monkeypatch.setattr(record, "HEARTBEAT_SECONDS", 0)
    add(engine, *[GOOD] * 6)
    shown = []
    recorded(engine, model, report=lambda rows: shown.append(last_run(engine)))
    assert {(run["outcome"], run["rows_done"]) for run in shown} == {("running", rows) for rows in (0, 2, 4, 6)}
    assert last_run(engine)["rows_done"] == 6


def test_a_heartbeat_on_a_connection_that_was_closed_does_not_end_the_run(
    sqlite: Engine, model: Predictor, monkeypatch
):
    monkeypatch.setattr(record, "HEARTBEAT_SECONDS", 0)
    update_row, errors = record._Row._update, iter([InterfaceError("", None, Exception("(0, '')"))])

    def fail_once(row: Any, **values: Any) -> None:
        for error in errors:
            raise error
        update_row(row, **values)

    monkeypatch.setattr(record._Row, "_update", fail_once)
    add(sqlite, GOOD)
    recorded(sqlite, model)
    assert last_run(sqlite)["outcome"] == "done"


def test_a_deadline_a_bug_and_the_end_of_the_process_are_different_outcomes(mariadb: Engine, model: Predictor):
    def bug(rows: int) -> None:
        raise ZeroDivisionError

    def ctrl_c(rows: int) -> None:
        raise KeyboardInterrupt

    for outcome, arguments in {
        "deadline": {"deadline": 0},
        "crashed": {"report": bug},
        "terminated": {"report": ctrl_c},
    }.items():
        add(mariadb, *[GOOD] * 6)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - which one is what the record says
            recorded(mariadb, model, **arguments)
        assert (last_run(mariadb)["outcome"], last_run(mariadb)["finished_at"] is None) == (outcome, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_a_signal_ends_is_recorded_as_terminated(sqlite: Engine, start_job: Callable[..., Any], number):
    add(sqlite, *[GOOD] * 3000)
    job = start_job(sqlite, "--chunk-rows", "1")
    wait_until(lambda: count(sqlite, State.DONE), 120)
    os.kill(job.pid, number)
    assert job.wait() == 128 + number
    run = last_run(sqlite)
    assert run["outcome"] == "terminated"
    summary = json.loads(job.log.read_text().splitlines()[-1])
    assert 0 < count(sqlite, State.DONE) == run["rows_done"] == summary["done"] < 3000


def test_a_run_that_lost_its_database_is_recorded_once_the_database_is_back(mariadb: Engine, model: Predictor):
    class Killer:
        def run(self, outputs, feed):
            with mariadb.connect() as connection:
                own = text(
                    "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND db = DATABASE()"
                )
                for (number,) in connection.execute(own).all():
                    connection.exec_driver_sql(f"KILL {number}")
            return model.model.session.run(outputs, feed)

    add(mariadb, GOOD)
    with pytest.raises(Exception, match=r"Lost connection|gone away|closed"):
        recorded(mariadb, running(model, Killer()))
    assert last_run(mariadb)["outcome"] == "database lost"


def test_a_killed_run_is_lost_after_two_minutes_without_a_heartbeat(mariadb: Engine, start_job: Callable[..., Any]):
    add(mariadb, *[GOOD] * 3000)
    job = start_job(mariadb, "--chunk-rows", "1")
    wait_until(lambda: count(mariadb, State.DONE), 120)
    job.kill()
    assert last_run(mariadb)["outcome"] == "running"
    with mariadb.begin() as connection:
        connection.execute(text("UPDATE runs SET seen_at = NOW() - INTERVAL 121 SECOND"))
    assert last_run(mariadb)["outcome"] == "lost"


def test_the_status_counts_rows_by_state_and_model_and_has_the_age_of_the_oldest(engine: Engine):
    add(engine, *[GOOD] * 7)
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id <= 3).values(state=State.DONE, model_version=2))
        connection.execute(update(Item).where(Item.id == 1).values(model_version=1))
        connection.execute(update(Item).where(Item.id == 4).values(state=State.FAILED))
        connection.execute(update(Item).where(Item.id == 7).values(created_at=text("'2026-01-01 00:00:00'")))
        found = status(connection, 5)
    assert found["rows"] == {"pending": 3, "done": 3, "failed": 1}
    assert (found["model_versions"], found["runs"]) == ({1: 1, 2: 2}, [])
    assert found["oldest_pending_seconds"] > 86_400


def test_rows_that_no_model_has_predicted_are_counted_too(sqlite: Engine):
    add(sqlite, GOOD, GOOD)
    with sqlite.begin() as connection:
        connection.execute(update(Item).values(state=State.DONE))
        connection.execute(update(Item).where(Item.id == 1).values(model_version=1))
    words = run("status", sqlite)
    assert (words.returncode, words.stdout.splitlines()[1]) == (0, "done                2  model None: 1, model 1: 1")


def test_a_row_that_was_set_back_is_pending_and_not_the_models(engine: Engine):
    add(engine, *[GOOD] * 5)
    with engine.begin() as connection:
        connection.execute(update(Item).values(state=State.DONE, model_version=1, created_at=text("'2026-01-01'")))
        connection.execute(update(Item).where(Item.id <= 2).values(state=State.PENDING))
        connection.execute(update(Item).where(Item.id == 3).values(state=State.FAILED))
        found = status(connection, 0)
    assert (found["rows"], found["model_versions"]) == ({"pending": 2, "done": 2, "failed": 1}, {1: 2})
    assert found["oldest_pending_seconds"] > 86_400


def test_the_status_is_counted_in_the_index(mariadb: Engine):
    add(mariadb, *[GOOD] * 100)
    asked: list[tuple[str, Any]] = []
    event.listen(mariadb, "before_cursor_execute", lambda *sent: asked.append(sent[2:4]))
    with mariadb.connect() as connection:
        status(connection, 1)
        counts = [(query, values) for query, values in asked if "FROM items" in query]
        plans = [connection.exec_driver_sql(f"EXPLAIN {query}", values).mappings().one() for query, values in counts]
    assert [(plan["key"], "Using index" in plan["Extra"]) for plan in plans] == [("items_scope", True)]


def test_the_status_command_prints_words_and_json(sqlite: Engine):
    add(sqlite, GOOD, BAD)
    assert run("job", sqlite).returncode == 3
    words, data = run("status", sqlite), run("status", sqlite, "--json")
    assert words.stdout.splitlines()[:3] == [
        "pending             0",
        "done                1  model 1: 1",
        "failed              1",
    ]
    assert "rows failed" in words.stdout.splitlines()[3]
    assert json.loads(data.stdout)["runs"][0]["rows_done"] == 1
    assert count_of(sqlite, "runs") == 1


def test_a_run_that_left_rows_because_others_held_them_is_not_done(mariadb: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HELD_ROWS_SECONDS", "0")
    add(mariadb, GOOD)
    with mariadb.begin() as other:
        other.execute(text("SELECT id FROM items FOR UPDATE"))
        assert run("job", mariadb).returncode == 8
    assert (last_run(mariadb)["outcome"], last_run(mariadb)["rows_held"]) == ("rows held", 1)


def test_a_state_that_nobody_knows_is_counted_as_it_is(engine: Engine):
    add(engine, GOOD, GOOD)
    without_checks = "PRAGMA ignore_check_constraints = ON" if engine.dialect.name == "sqlite" else "SET sql_mode = ''"
    with engine.connect() as connection:
        connection.exec_driver_sql(without_checks)
        connection.execute(text("UPDATE items SET state = '' WHERE id = 1"))
        connection.commit()
        connection.invalidate()
    shown = run("status", engine)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line.split() for line in shown.stdout.splitlines()][-1] == ["''", "1"]
