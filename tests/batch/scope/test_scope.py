import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text, update
from typer.testing import CliRunner

from batch import job
from batch.database import connect
from batch.errors import ServiceError
from batch.policies import Policy
from batch.policies.options import with_failed
from batch.predictor import Predictor
from batch.queries import Part
from batch.runner import Runner
from batch.scope.rows import ScopedRows
from batch.scope.scope import BadScope, Deadline, Scope, moment
from batch.settings import Settings
from batch.stopping.pauses import pausing
from batch.tables import Item, State
from local.processes import wait_until
from tests.batch import commands
from tests.batch.conftest import (
    Flaky,
    Meanwhile,
    add,
    count,
    count_of,
    finish,
    items,
    new_runner,
    running,
    states,
)

GOOD, BAD = [5.1, 3.5, 1.4, 0.2], [5.1, None, 1.4, 0.2]
PENDING = [Part(State.PENDING)]
NOON = datetime(2026, 3, 1, 12)


def at(hours: int) -> str:
    return moment((NOON + timedelta(hours=hours)).isoformat())


def run(engine: Engine, model: Predictor, scope: Scope, policy: Policy = Policy.LEAVE, **options: Any):
    runner = new_runner(engine, model, policy, **{"chunk_rows": 3} | options)
    scope.apply(runner)
    return finish(runner)


def rows_of(scope: Scope, model_version: int) -> ScopedRows:
    newest = model_version if scope.rescore else None
    return ScopedRows(with_failed(PENDING, 3), scope.since, scope.until, scope.max_rows, newest)


def age(engine: Engine, hours: dict[int, int]) -> None:
    """Set the hour at which rows were created; for the others, noon."""
    with engine.begin() as connection:
        connection.execute(update(Item).values(created_at=text(f"'{at(0)}'")))
        for row_id, hour in hours.items():
            connection.execute(update(Item).where(Item.id == row_id).values(created_at=text(f"'{at(hour)}'")))


def predicted_by(engine: Engine, version: int) -> None:
    """Give every row a prediction of an older version that no model makes."""
    with engine.begin() as connection:
        old = {
            "state": State.DONE,
            "prediction": [1.0, 0.0, 0.0],
            "label": "old",
            "model_version": version,
            "attempts": 1,
        }
        connection.execute(update(Item).values(old))


def seen(engine: Engine) -> list[tuple[str | None, int | None, int]]:
    return [(item.label, item.model_version, item.attempts) for item in items(engine)]


@contextmanager
def rows_read(engine: Engine) -> Iterator[list[int]]:
    """Count the rows and index entries that the server reads for the statements of the block."""
    read: list[int] = []
    with engine.begin() as connection:
        connection.execute(text("FLUSH STATUS"))
        read.append(connection)
        yield read
        names = "Variable_name LIKE 'Handler_read%' OR Variable_name = 'Handler_icp_attempts'"
        status = dict(connection.execute(text(f"SHOW SESSION STATUS WHERE {names}")).all())
        read[0] = sum(map(int, status.values()))


# Rows


@pytest.mark.parametrize("policy", Policy)
def test_a_run_takes_rows_created_at_since_or_later_and_before_until(engine: Engine, model: Predictor, policy):
    add(engine, *[GOOD] * 9)
    age(engine, {1: -1, 2: 0, 3: 1, 4: 2, 5: 3, 6: -5})
    run(engine, model, Scope(since=at(0), until=at(2)), policy)
    assert states(engine) == "pddpppddd"
    run(engine, model, Scope(until=at(0)), policy)
    assert states(engine) == "dddppdddd"
    run(engine, model, Scope(since=at(2)), policy)
    assert states(engine) == "d" * 9


@pytest.mark.parametrize("policy", Policy)
def test_failed_rows_of_the_scope_are_tried_and_no_others(engine: Engine, model: Predictor, policy):
    add(engine, *[BAD] * 4, *[GOOD] * 4)
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id <= 4).values(state=State.FAILED, attempts=1))
    age(engine, {1: -1, 5: -1, 8: 2})
    result = run(engine, model, Scope(since=at(0), until=at(1)), policy, max_attempts=3)
    tried = {Policy.LEAVE: [1, 2, 2, 2, 0, 1, 1, 0], Policy.RETRY_FAILED: [1, 3, 3, 3, 0, 1, 1, 0]}
    tried[Policy.RETRY_ALL] = [1, 2, 2, 2, 0, 0, 0, 0]
    assert ([item.attempts for item in items(engine)], result.failed) == (tried[policy], {2, 3, 4})


@pytest.mark.parametrize("scope", [Scope(max_rows=4), Scope(max_rows=4, since=at(0))])
def test_a_run_tries_at_most_max_rows(engine: Engine, model: Predictor, scope):
    add(engine, *[BAD] * 3, *[GOOD] * 5)
    age(engine, {})
    with engine.begin() as connection:  # the first is used up by this run's first try
        connection.execute(update(Item).where(Item.id <= 2).values(state=State.FAILED, attempts=3 - Item.id))
    result = run(engine, model, scope, Policy.RETRY_FAILED, max_attempts=3)
    assert (result.rows, states(engine)) == (4, "fffdpppp")
    assert [item.attempts for item in items(engine)] == [3, 3, 3, 1, 0, 0, 0, 0]
    assert run(engine, model, Scope(max_rows=2), Policy.RETRY_ALL, max_attempts=1).failed == {1, 2}


@pytest.mark.parametrize("policy", Policy)
def test_rows_that_were_set_back_to_pending_belong_to_the_scope_of_their_time(engine: Engine, model: Predictor, policy):
    add(engine, *[GOOD] * 9)
    predicted_by(engine, 1)
    age(engine, {1: -1, 2: -1})
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id.in_([1, 3, 4, 5])).values(state=State.PENDING))
        connection.execute(update(Item).where(Item.id == 4).values(model_version=7))
        connection.execute(update(Item).where(Item.id == 5).values(model_version=None, state=State.FAILED))
    result = run(engine, model, Scope(since=at(0)), policy)
    assert (result.done, states(engine)) == (3, "pdddddddd")


def test_a_rollback_predicts_the_rows_of_newer_and_older_models_again(engine: Engine, model: Predictor):
    add(engine, *[GOOD] * 5)
    predicted_by(engine, 3)
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id <= 2).values(model_version=Item.id))
    back = replace(model, version=2)
    assert run(engine, back, Scope(rescore=True)).done == 1
    assert run(engine, back, Scope(rescore=True, to=2)).done == 3
    assert [(item.model_version, item.attempts) for item in items(engine)] == [(2, 2), (2, 1), (2, 2), (2, 2), (2, 2)]


def test_a_scope_costs_what_its_rows_cost_and_not_what_the_table_holds(mariadb: Engine):
    add(mariadb, *[GOOD] * 3000)
    age(mariadb, dict.fromkeys(range(1, 1001), -1) | dict.fromkeys(range(2001, 3001), 1))
    scope = Scope(since=at(0), until=at(1))
    part, last = rows_of(scope, 1).parts[2], None
    for first in (1001, 1011, 1021):  # all of one second
        with rows_read(mariadb) as read:
            rows = part.claim(read[0], last, 10)
        last = rows[-1]
        assert ([row[0] for row in rows], read[0] < 30) == (list(range(first, first + 10)), True)
    with rows_read(mariadb) as read:
        rows = rows_of(replace(scope, max_rows=10), 1)
        assert rows.count_by_state(read[0]) == {State.PENDING: 10, State.FAILED: 0}
    assert read[0] < 40


def test_a_rescoring_reads_the_rows_of_older_models_and_not_the_table(mariadb: Engine):
    add(mariadb, *[GOOD] * 3000)
    predicted_by(mariadb, 2)
    with mariadb.begin() as connection:
        connection.execute(update(Item).where(Item.id.in_([7, 1500, 2999])).values(model_version=1))
    older = rows_of(Scope(rescore=True), 2)
    with rows_read(mariadb) as read:
        assert older.count_by_state(read[0]) == {State.DONE: 3}
        rows = older.parts[0].claim(read[0], None, 10)
    assert ([row[0] for row in rows], read[0] < 30) == ([7, 1500, 2999], True)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1)), st.integers(-23, 23))
def test_a_time_is_read_as_utc_unless_it_names_another_zone(time, hours):
    time = time.replace(microsecond=0)
    elsewhere = time.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=hours)))
    assert moment(time.isoformat()) == moment(elsewhere.isoformat()) == f"{time:%Y-%m-%d %H:%M:%S}"


def test_a_year_before_1000_is_not_a_later_year(mariadb: Engine):
    add(mariadb, [5.1, 3.5, 1.4, 0.2])
    with mariadb.connect() as connection:
        scoped = [ScopedRows(PENDING, **{side: moment("0026-01-01")}) for side in ("since", "until")]
        counts = [rows.count(connection, rows.parts) for rows in scoped]
    assert (moment("0026-01-01"), counts) == ("0026-01-01 00:00:00", [1, 0])


@pytest.mark.parametrize(
    "wrong", ["", "yesterday", "2026-02-30", "2026-01-01T00:00:00.5", "26-1-1", "0001-01-01T00:00:00+14:00"]
)
def test_a_text_that_is_not_a_time_of_whole_seconds_is_refused(wrong):
    with pytest.raises(BadScope):
        moment(wrong)


@pytest.mark.parametrize(
    "flags",
    [
        "--since 2026-13-01",
        "--since 2026-01-02 --until 2026-01-02",
        "--max-rows 0",
        "--max-rows 99999999999999999999",
        "--deadline -1",
    ],
)
def test_an_impossible_scope_is_bad_usage_and_names_the_option(monkeypatch, flags):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    refused = CliRunner().invoke(job.app, flags.split())
    assert refused.exit_code == 2
    assert flags.split()[-2] in refused.stderr


# Time


def overtime(runner: Runner) -> None:
    runner.hooks.append(Deadline(0))


@pytest.mark.parametrize(
    ("policy", "left"), [(Policy.LEAVE, "ddddddpp"), (Policy.RETRY_FAILED, "ddddddpp"), (Policy.RETRY_ALL, "pppppppp")]
)
def test_the_deadline_ends_a_run_between_two_chunks(engine: Engine, model: Predictor, policy, left):
    add(engine, *[GOOD] * 8)
    slow = Meanwhile(model.model.session, overtime)
    runner = slow.runner = new_runner(engine, running(model, slow), policy, chunk_rows=3)
    with pytest.raises(ServiceError, match="deadline reached"):
        finish(runner)
    assert (states(engine), runner.result.done) == (left, left.count("d"))


def test_the_deadline_ends_a_run_that_waits_for_the_database(model: Predictor, free_port):
    away = connect(Settings(database_url=f"mysql+pymysql://root@127.0.0.1:{free_port()}/x"))
    with pytest.raises(ServiceError, match="deadline reached"):
        run(away, model, Scope(deadline=0.5), retry_seconds=3600)


def test_a_back_off_does_not_outlast_the_deadline(engine: Engine, model: Predictor):
    add(engine, BAD)

    def pause_until_the_deadline(seconds: float) -> None:
        runner.hooks.append(Deadline(1))
        pausing(runner)(seconds)

    runner = new_runner(engine, model, Policy.RETRY_FAILED, backoff=3600, pause=pause_until_the_deadline)
    with pytest.raises(ServiceError, match="deadline reached"):
        finish(runner)
    assert items(engine)[0].attempts == 1


def test_a_run_that_reached_its_deadline_prints_how_far_it_came(mariadb: Engine):
    add(mariadb, *[GOOD] * 5)
    stopped = commands.run("job", mariadb, "--deadline", "0")
    assert (stopped.returncode, states(mariadb)) == (6, "ppppp")
    assert stopped.stdout.startswith("deadline reached, 0 of 5 rows tried: 0 rows predicted")


# Rescoring


def test_runners_that_share_a_rescoring_do_each_row_of_an_older_model_once(engine: Engine, model: Predictor, expected):
    add(engine, *[GOOD] * 60, [6.6, 3.0, 5.6, 2.0])
    predicted_by(engine, 1)
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id > 40).values(model_version=2))
        connection.execute(update(Item).where(Item.id == 50).values(model_version=3))
        connection.execute(update(Item).where(Item.id == 51).values(state=State.PENDING, model_version=None))
    newer = replace(model, version=3)
    threads = [threading.Thread(target=run, args=(engine, newer, Scope(rescore=True))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    left = {50: ("old", 3, 1), 51: ("old", None, 1)}
    labels = [label for label, _ in expected([GOOD] * 60 + [[6.6, 3.0, 5.6, 2.0]])]
    assert seen(engine) == [left.get(row_id, (label, 3, 2)) for row_id, label in enumerate(labels, 1)]
    assert run(engine, newer, Scope(rescore=True)).rows == 0


def test_the_job_predicts_with_the_version_that_to_names(mariadb: Engine, tmp_path: Path, newer, artifacts: Path):
    shutil.copytree(artifacts / "iris" / "1", tmp_path / "iris" / "1")
    shutil.copytree(newer / "2", tmp_path / "iris" / "2")
    add(mariadb, *[GOOD] * 3)
    folder = {"MODEL_DIR": str(tmp_path / "iris")}
    assert commands.run("job", mariadb, **folder).stdout.endswith("model version 2\n")
    assert commands.run("job", mariadb, "--to", "1", **folder).returncode == 2
    assert commands.run("job", mariadb, "--rescore", "--to", "1", **folder).stdout.startswith("3 rows predicted, ")
    assert {item.model_version for item in items(mariadb)} == {1}


@pytest.mark.parametrize("policy", Policy)
def test_a_row_that_fails_in_a_rescoring_keeps_its_prediction_and_gets_the_reason(
    engine: Engine, model: Predictor, policy
):
    add(engine, GOOD, BAD, GOOD)
    predicted_by(engine, 1)
    result = run(engine, replace(model, version=2), Scope(rescore=True), policy, max_attempts=2)
    tries = 3 if policy is Policy.RETRY_FAILED else 2
    others = ("old", 1, 1) if policy is Policy.RETRY_ALL else ("setosa", 2, 2)
    assert (seen(engine), result.failed, states(engine)) == ([others, ("old", 1, tries), others], {2}, "ddd")
    failed = items(engine)[1]
    assert (failed.prediction, failed.reason) == ([1.0, 0.0, 0.0], "[1]: Input should be a valid number")


def test_retry_failed_retries_rows_that_failed_in_a_rescoring(engine: Engine, model: Predictor):
    add(engine, GOOD, GOOD)
    predicted_by(engine, 1)
    flaky = replace(running(model, Flaky(model.model.session, failures=3)), version=2)  # both, then each alone
    result = run(engine, flaky, Scope(rescore=True), Policy.RETRY_FAILED)
    assert (seen(engine), result.done, result.failed) == ([("setosa", 2, 3)] * 2, 2, set())
    assert [item.reason for item in items(engine)] == [None, None]


def test_a_killed_rescoring_leaves_each_row_its_old_prediction_or_its_new_one(
    engine: Engine, start_job, newer, expected
):
    add(engine, *[GOOD] * 2000)
    predicted_by(engine, 1)
    killed = start_job(engine, "--rescore", "--chunk-rows", "1", MODEL_DIR=str(newer))
    wait_until(lambda: {version for _, version, _ in seen(engine)} == {1, 2}, 120)
    killed.kill()
    (label, prediction), old = expected([GOOD])[0], ("old", 1, [1.0, 0.0, 0.0])
    found = [(item.label, item.model_version, item.prediction) for item in items(engine)]
    assert {(*row[:2], *row[2]) for row in found} == {(*row[:2], *row[2]) for row in (old, (label, 2, prediction))}
    done = commands.run("job", engine, "--rescore", "--json", MODEL_DIR=str(newer))
    assert json.loads(done.stdout)["done"] == found.count(old)
    assert seen(engine) == [(label, 2, 2)] * 2000


# Counting


@pytest.mark.parametrize(
    ("flags", "plan"),
    [("", {"pending": 3, "failed": 1}), ("--rescore", {"done": 2}), ("--max-rows 2", {"pending": 2, "failed": 1})],
)
def test_a_dry_run_prints_the_number_of_rows_and_changes_nothing(mariadb: Engine, newer, flags, plan):
    add(mariadb, *[GOOD] * 7)
    with mariadb.begin() as connection:
        connection.execute(update(Item).where(Item.id == 4).values(state=State.FAILED, attempts=1))
        connection.execute(update(Item).where(Item.id == 5).values(state=State.FAILED, attempts=3))
        connection.execute(update(Item).where(Item.id > 5).values(state=State.DONE, model_version=1))
    done = commands.run("job", mariadb, "--dry-run", "--json", *flags.split(), MODEL_DIR=str(newer))
    rows = min(sum(plan.values()), 2 if "max" in flags else 9)
    assert json.loads(done.stdout) == {"rows": rows, "model_version": 2, **plan}
    assert (states(mariadb), count_of(mariadb, "runs")) == ("pppffdd", 0)


@pytest.mark.parametrize("flags", ["", "--rescore --since 2026-01-01 --max-rows 5"])
def test_a_run_without_rows_prints_so_and_costs_one_query_of_the_table(mariadb: Engine, flags):
    add(mariadb, *[GOOD] * 3)
    predicted_by(mariadb, 1)
    with mariadb.connect() as connection:
        connection.execute(text("SET GLOBAL log_output = 'TABLE', general_log = 1"))
        done = commands.run("job", mariadb, *flags.split())
        connection.execute(text("SET GLOBAL general_log = 0"))
        of_the_table = "command_type = 'Query' AND argument LIKE '%FROM items%'"
        own = text(f"SELECT argument FROM mysql.general_log WHERE {of_the_table}")
        asked = [query for (query,) in connection.execute(own) if "general_log" not in str(query)]
        connection.execute(text("TRUNCATE mysql.general_log"))
    assert (done.returncode, done.stdout[:14], len(asked)) == (0, "nothing to do:", 1)
    assert (count(mariadb, State.DONE), count_of(mariadb, "runs")) == (3, 0)
