"""Children that die at their start."""

import sys

from local.processes import wait_until


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


def test_a_hang_must_be_longer_than_a_prediction_may_take(worker, fake):
    program = worker(HANG_AFTER=20)
    assert program.wait() == 1
    assert program.log.read_text().splitlines()[-1] == "wrong settings: HANG_AFTER must be longer than PREDICT_TIMEOUT"
