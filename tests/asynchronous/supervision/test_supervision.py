"""Children that die at their start."""

import os
import signal
import sys
import time

import pytest

from local.processes import wait_until

from ..conftest import children


def test_children_that_die_at_their_start_are_started_less_often_and_the_heartbeat_ends(start, redis_url, tmp_path):
    heartbeat, argv = tmp_path / "alive", [sys.executable, "-m", "tests.asynchronous.supervision.dying_worker"]
    env = {"REDIS_URL": redis_url, "WORKER_PROCESSES": "1", "HEARTBEAT_FILE": str(heartbeat)}
    program = start("worker", argv, env=env)
    wait_until(lambda: "starting another in 4 s" in program.log.read_text(), 120)
    assert "starting another in 1 s" in program.log.read_text()
    last = heartbeat.stat().st_mtime_ns
    wait_until(lambda: "starting another in 8 s" in program.log.read_text(), 120)
    assert heartbeat.stat().st_mtime_ns == last
    wait_until(lambda: "starting another in 16 s" in program.log.read_text(), 120)
    assert program.stop(15) == 0  # else SIGKILL would have ended it: it does not wait for the next start


def test_a_hang_must_be_longer_than_a_prediction_and_what_follows_may_take(worker, fake):
    program = worker(PREDICT_TIMEOUT=30, HANG_AFTER=39)
    assert program.wait() == 1
    said = "wrong settings: HANG_AFTER must be 10 seconds longer than PREDICT_TIMEOUT"
    assert program.log.read_text().splitlines()[-1] == said


def test_a_heartbeat_file_that_cannot_be_created_is_refused_in_one_line(worker, fake, tmp_path):
    program = worker(HEARTBEAT_FILE=tmp_path / "nowhere" / "alive")
    assert program.wait() == 1
    assert program.log.read_text().splitlines()[-1].endswith(f"no file can be created in {tmp_path / 'nowhere'}")


@pytest.mark.exhaustive
def test_children_that_were_frozen_with_their_parent_are_not_replaced(worker, store):
    program = worker(WORKER_PROCESSES=2, PREDICT_TIMEOUT=1, HANG_AFTER=11)
    wait_until(lambda: store.exists("jobs") and len(store.xinfo_consumers("jobs", "workers")) == 2)
    frozen = [*children(program.pid), program.pid]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(12)  # longer than HANG_AFTER
    for pid in reversed(frozen):  # the parent is the first to look at the clock
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.6)
    assert "killing it" not in program.log.read_text()
    assert children(program.pid) == frozen[:2]
