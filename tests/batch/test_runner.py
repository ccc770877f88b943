from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.exc import OperationalError

from batch.policies import Policy, retry_all
from batch.predictor import Predictor
from batch.schemas import Result
from batch.tables import Item, State
from tests.batch.conftest import Flaky, add, fill, finish, items, new_runner, open_engine, running, states

GOOD, BAD = [5.1, 3.5, 1.4, 0.2], [5.1, None, 1.4, 0.2]


def run(engine: Engine, model: Predictor, policy: Policy = Policy.LEAVE, **options: Any):
    return finish(new_runner(engine, model, policy, **{"chunk_rows": 7} | options))


def test_every_row_reads_back_as_a_direct_run_gives_it(engine: Engine, model: Predictor, expected):
    rows = fill(engine, 100)
    assert run(engine, model).done == 100
    stored = items(engine)
    assert [(item.label, item.prediction) for item in stored] == expected(rows)
    assert {(item.state, item.model_version, item.attempts) for item in stored} == {(State.DONE, 1, 1)}


@pytest.mark.parametrize("policy", Policy)
def test_a_second_run_touches_nothing(engine: Engine, model: Predictor, policy):
    fill(engine, 20)
    assert run(engine, model, policy).done == 20
    first = [(item.updated_at, item.attempts) for item in items(engine)]
    assert run(engine, model, policy).rows == 0
    assert [(item.updated_at, item.attempts) for item in items(engine)] == first


def test_a_row_that_arrived_bad_fails_alone_and_keeps_its_reason(engine: Engine, model: Predictor):
    add(engine, GOOD, [1.0], "text", GOOD)
    result = run(engine, model)
    assert (states(engine), result.done, result.failed) == ("dffd", 2, {2, 3})
    assert [item.reason for item in items(engine)][1:3] == [
        "List should have at least 4 items after validation, not 1",
        "Input should be a valid array",
    ]


@pytest.mark.exhaustive
def test_any_number_of_tries_without_a_pause_ends(sqlite: Engine, model: Predictor):
    add(sqlite, BAD)
    assert run(sqlite, model, Policy.RETRY_FAILED, max_attempts=1030, backoff=0.0).failed == {1}


def test_leave_tries_a_failed_row_once_in_each_run_until_its_attempts_are_used_up(engine: Engine, model: Predictor):
    add(engine, GOOD, BAD)
    assert [run(engine, model, max_attempts=3).failed for _ in range(4)] == [{2}, {2}, {2}, set()]
    assert [item.attempts for item in items(engine)] == [1, 3]


def test_a_corrected_row_is_predicted_by_the_next_run(engine: Engine, model: Predictor):
    add(engine, BAD)
    run(engine, model)
    with engine.begin() as connection:
        connection.execute(update(Item).values({Item.values: GOOD}))
    assert run(engine, model).done == 1
    assert (states(engine), items(engine)[0].reason) == ("d", None)


@pytest.mark.parametrize("policy", Policy)
def test_a_bad_row_that_was_set_back_to_pending_with_its_version_fails_like_any_other(
    engine: Engine, model: Predictor, policy
):
    add(engine, GOOD, GOOD)
    run(engine, model)
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id == 2).values({Item.values: BAD, Item.state: State.PENDING}))
    result = run(engine, model, policy, max_attempts=3)
    assert (states(engine), result.failed) == ("df", {2})
    assert items(engine)[1].attempts == {Policy.RETRY_FAILED: 3}.get(policy, 2)


def test_retry_failed_tries_the_failed_part_again_in_the_same_run(engine: Engine, model: Predictor):
    add(engine, GOOD, BAD, GOOD)
    flaky = running(model, Flaky(model.model.session, failures=3))  # the two together, then each alone
    result = run(engine, flaky, Policy.RETRY_FAILED, max_attempts=3)
    assert (states(engine), result.done, result.failed) == ("dfd", 2, {2})
    assert [item.attempts for item in items(engine)] == [2, 3, 2]


def test_a_failed_row_that_another_runner_predicts_is_not_left_failed(engine: Engine, model: Predictor):
    add(engine, GOOD, BAD)
    flaky = running(model, Flaky(model.model.session, failures=2))
    one = new_runner(engine, flaky, Policy.RETRY_FAILED, pause=lambda seconds: run(engine, model))
    assert (finish(one).failed, states(engine)) == ({2}, "df")


def test_leave_leaves_rows_that_the_model_raised_for_to_the_next_run(engine: Engine, model: Predictor):
    add(engine, GOOD, GOOD)
    flaky = running(model, Flaky(model.model.session, failures=3))
    assert run(engine, flaky).failed == {1, 2}
    assert {item.reason for item in items(engine)} == {"the model raised RuntimeError: not yet"}
    assert (run(engine, flaky).done, states(engine)) == (2, "dd")


def test_retry_all_publishes_nothing_when_a_row_fails(engine: Engine, model: Predictor):
    add(engine, *[GOOD] * 10, BAD, *[GOOD] * 5)
    result = run(engine, model, Policy.RETRY_ALL)
    assert (states(engine), result.done, result.failed) == ("p" * 10 + "f" + "p" * 5, 0, {11})
    assert items(engine)[10].reason == "[1]: Input should be a valid number"


def test_retry_all_starts_over_and_then_publishes_everything(engine: Engine, model: Predictor):
    add(engine, *[GOOD] * 10)
    flaky = Flaky(model.model.session, failures=2)
    result = run(engine, running(model, flaky), Policy.RETRY_ALL, chunk_rows=1, max_attempts=3)
    assert (states(engine), result.done, result.failed) == ("d" * 10, 10, set())
    assert flaky.runs == 12


def test_retry_all_includes_rows_that_failed_in_an_earlier_run(engine: Engine, model: Predictor):
    add(engine, GOOD, BAD)
    for _ in range(4):
        run(engine, model, Policy.RETRY_ALL, max_attempts=1)
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id == 2).values({Item.values: GOOD}))
    assert run(engine, model, Policy.RETRY_ALL, max_attempts=1).done == 2
    assert states(engine) == "dd"


def test_a_reason_of_retry_all_does_not_change_a_row_that_another_runner_has_predicted(
    engine: Engine, model: Predictor, monkeypatch
):
    add(engine, GOOD, BAD)
    write_reasons = retry_all.write_reasons
    monkeypatch.setattr(retry_all, "write_reasons", lambda *given: (run(engine, model), write_reasons(*given)))
    flaky = running(model, Flaky(model.model.session, failures=1))
    run(engine, flaky, Policy.RETRY_ALL, max_attempts=1)
    assert (states(engine), [item.attempts for item in items(engine)]) == ("df", [1, 2])
    assert items(engine)[0].reason is None


class Saboteur:
    """A model in whose first `times` runs something happens to the runner's connection."""

    def __init__(self, session: Any, act: Any, times: int = 1) -> None:
        self.session, self.act, self.times = session, act, times

    def run(self, outputs: list[str], feed: dict[str, np.ndarray]) -> Sequence[Any]:
        if self.times:
            self.times -= 1
            self.act()
        return self.session.run(outputs, feed)


def kill_all_others(engine: Engine) -> None:
    with engine.connect() as connection:
        others = text("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND db = DATABASE()")
        for (connection_id,) in connection.execute(others).all():
            connection.exec_driver_sql(f"KILL {connection_id}")


@pytest.mark.parametrize("policy", Policy)
def test_after_a_lost_connection_only_the_open_chunk_is_repeated(mariadb: Engine, model: Predictor, policy):
    fill(mariadb, 30)
    saboteur = Saboteur(model.model.session, lambda: kill_all_others(mariadb), times=2)
    result = run(mariadb, running(model, saboteur), policy)
    assert (states(mariadb), result.done) == ("d" * 30, 30)
    assert {item.attempts for item in items(mariadb)} == {1}


def test_after_a_restart_of_the_server_only_the_open_chunk_is_repeated(model: Predictor, server):
    program = server()
    engine = open_engine(server.url)
    fill(engine, 30)

    def crash() -> None:
        program.kill()
        server()

    run(engine, running(model, Saboteur(model.model.session, crash)), retry_seconds=120)
    assert [(item.state, item.attempts) for item in items(engine)] == [(State.DONE, 1)] * 30
    engine.dispose()


def test_a_connection_that_is_lost_repeatedly_ends_the_run(mariadb: Engine, model: Predictor):
    fill(mariadb, 3)
    saboteur = Saboteur(model.model.session, lambda: kill_all_others(mariadb), times=10_000)
    with pytest.raises(OperationalError):
        run(mariadb, running(model, saboteur), retry_seconds=0.5)
    assert states(mariadb) == "ppp"


def test_a_result_says_that_there_was_nothing_to_do_only_if_no_row_was_tried_or_counted():
    nothing = "nothing to do: no unclaimed row waits for a prediction"
    assert [str(Result()), str(Result(waiting=3))] == [nothing, "0 rows predicted, 0 failed"]
    assert str(Result(done=1, failed={2})) == "1 rows predicted, 1 failed"
