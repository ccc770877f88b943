import json
import signal
import threading

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from batch.errors import ServiceError
from batch.policies import Policy
from batch.predictor import Predictor
from batch.runner import Runner
from batch.stopping import signals
from batch.stopping.signals import Stop, stop_on_signals
from batch.tables import State
from local.processes import wait_until
from tests.batch.conftest import Meanwhile, add, count, fill, finish, items, new_runner, running, states

GOOD, BAD = [5.1, 3.5, 1.4, 0.2], [5.1, None, 1.4, 0.2]


@pytest.mark.parametrize(
    ("policy", "left"), [(Policy.LEAVE, "ddddddpp"), (Policy.RETRY_FAILED, "ddddddpp"), (Policy.RETRY_ALL, "pppppppp")]
)
def test_a_stop_ends_a_run_between_two_chunks(engine: Engine, model: Predictor, policy, left):
    add(engine, *[GOOD] * 8)
    stop = Stop()
    slow = Meanwhile(model.model.session, lambda runner: stop.request())
    runner = slow.runner = new_runner(engine, running(model, slow), policy, chunk_rows=3, hooks=[stop])
    with pytest.raises(ServiceError, match="terminated"):
        finish(runner)
    assert (states(engine), runner.result.done) == (left, left.count("d"))


def test_a_stopped_run_no_longer_waits_for_the_database(mariadb: Engine, model: Predictor):
    stop = Stop()

    def lose(runner: Runner) -> None:
        stop.request()
        raise OperationalError("", None, Exception(), connection_invalidated=True)

    add(mariadb, *[GOOD] * 2)
    slow = Meanwhile(model.model.session, lose)
    slow.runner = new_runner(mariadb, running(model, slow), chunk_rows=1, retry_seconds=3600, hooks=[stop])
    with pytest.raises(ServiceError, match="terminated"):
        finish(slow.runner)


def test_the_alarm_behind_a_signal_ends_with_the_run(sqlite: Engine, model: Predictor, monkeypatch):
    monkeypatch.setattr(signals, "SECONDS_TO_STOP", 60)
    before, runner = signal.getsignal(signal.SIGTERM), Runner(sqlite, model)
    with stop_on_signals(runner):
        signal.raise_signal(signal.SIGTERM)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    with pytest.raises(ServiceError, match="terminated"):
        finish(runner)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stopped_run_ends_its_back_off(mariadb: Engine, model: Predictor):
    add(mariadb, BAD)
    stop = Stop()
    threading.Timer(0.5, stop.request).start()
    with pytest.raises(ServiceError, match="terminated"):
        finish(new_runner(mariadb, model, Policy.RETRY_FAILED, backoff=3600, hooks=[stop]))


def test_sigterm_ends_a_run_after_the_chunk_in_progress_with_its_summary(mariadb: Engine, start_job):
    fill(mariadb, 20_000)
    program = start_job(mariadb, "--chunk-rows", "1")
    wait_until(lambda: count(mariadb, State.DONE), 120)
    assert program.stop(120) == 143
    assert {item.state for item in items(mariadb)} == {State.DONE, State.PENDING}
    summary = json.loads(program.log.read_text().splitlines()[-1])
    assert summary["done"] == count(mariadb, State.DONE)


def test_sigterm_ends_a_run_that_waits_for_a_lock(mariadb: Engine, start_job):
    fill(mariadb, 10)
    waiting = text("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'")
    with mariadb.connect() as connection, mariadb.connect() as observer:
        connection.execute(text("LOCK TABLES runs WRITE"))
        program = start_job(mariadb)
        wait_until(lambda: observer.scalar(waiting), 120)
        assert program.stop(120) == 143
        connection.execute(text("UNLOCK TABLES"))
    assert states(mariadb) == "p" * 10
