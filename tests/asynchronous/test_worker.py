"""Real workers, real crashes, and a serving program that follows the orders in the images."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import redis

from asynchronous.settings import Settings
from asynchronous.worker import run_all
from local import servers
from local.processes import wait_until

from .conftest import alive, children, kill_child, label_of, png, run_step

POISON = "kill"


def test_burst_ends_when_all_jobs_have_ended(worker, put, record, fake):
    images = [png() for _ in range(50)]
    ids = put(*images)
    assert worker("--burst", WORKER_PROCESSES=2).wait() == 0
    assert [record(job_id)["label"] for job_id in ids] == [label_of(image) for image in images]
    assert sum(map(len, fake.batches())) == 50
    assert len(fake.batches()) < 25


def test_a_child_that_is_killed_is_replaced_and_its_batch_is_done(worker, put, record, settle, store, fake):
    fake.held.touch()
    ids = put(*(png("hold") for _ in range(2)))
    program = worker()
    wait_until(fake.batches)
    dead = kill_child(program.pid)
    fake.held.unlink()
    records = settle(ids)
    assert [(job["status"], job["attempts"]) for job in records] == [("done", "2"), ("done", "1")]  # one ran so far
    assert children(program.pid) not in ([], [dead])
    assert store.hget("job_counters", "worker_restarts") == "1"


def test_a_child_that_is_killed_at_its_start_is_replaced_and_the_heartbeat_continues(worker, tmp_path):
    heartbeat = tmp_path / "alive"
    program = worker(HEARTBEAT_FILE=heartbeat)
    dead = kill_child(program.pid)
    wait_until(lambda: children(program.pid) not in ([], [dead]), what="another child")
    wait_until(heartbeat.exists)
    before = heartbeat.stat().st_mtime_ns
    wait_until(lambda: heartbeat.stat().st_mtime_ns > before)


def test_the_children_of_a_killed_worker_end_and_another_worker_runs_its_jobs(worker, put, settle, fake):
    fake.held.touch()
    ids = put(*(png("hold") for _ in range(2)))
    program = worker(LEASE=1)
    wait_until(fake.batches)
    [child] = children(program.pid)
    program.kill()
    wait_until(lambda: not alive(child), what="the orphan to end")
    fake.held.unlink()
    worker(LEASE=1)
    assert [job["status"] for job in settle(ids)] == ["done", "done"]


def test_an_image_that_kills_its_worker_is_given_up_and_its_neighbours_are_done(worker, put, settle, store, fake):
    images = [png(POISON if number == 50 else "") for number in range(100)]
    ids = put(*images)
    worker()
    records = settle(ids)
    poisoned = records.pop(50)
    assert [job["status"] for job in records] == ["done"] * 99
    assert (poisoned["status"], poisoned["attempts"], fake.saw(images[50])) == ("failed", "3", 3)
    assert poisoned["reason"] == "given up after 3 attempts: its worker process died"
    assert [letter["job_id"] for _, letter in store.xrange("dead_letters")] == [ids[50]]


def test_an_image_that_kills_the_serving_program_is_given_up_in_the_end(worker, put, record, fake):
    images = [png("die"), png(), png()]
    ids = put(*images)
    worker(LEASE=1)
    for _ in range(4):
        fake.restart_after_crash()
    wait_until(lambda: record(ids[0])["status"] == "failed")
    wait_until(lambda: [record(job_id)["status"] for job_id in ids[1:]] == ["done", "done"])
    assert [record(job_id)["attempts"] for job_id in ids] == ["3", "1", "1"]


def test_jobs_wait_for_a_serving_program_that_is_down_and_keep_their_order(worker, put, record, settle, fake):
    fake.program.stop()
    ids = put(*(png() for _ in range(100)))
    program = worker(BATCH_SIZE=8)
    wait_until(lambda: "waiting for it" in program.log.read_text(), what="the child to ask for the serving program")
    until = time.monotonic() + 4  # long enough for more than MAX_ATTEMPTS tries
    while time.monotonic() < until:
        assert {(job["status"], job["attempts"]) for job in map(record, ids)} == {("pending", "0")}
        time.sleep(0.1)
    assert 1 <= program.log.read_text().count("it does not serve the model; waiting for it") <= 2  # each process once
    fake.start()
    records = settle(ids)
    assert {(job["status"], job["attempts"]) for job in records} == {("done", "1")}
    assert [job["finished_at"] for job in records] == sorted(job["finished_at"] for job in records)
    assert [label for batch in fake.batches() for label in batch] == [job["label"] for job in records]


def test_attempts_are_not_counted_when_the_serving_program_stops_serving(worker, put, record, settle, fake):
    fake.away.touch()
    ids = put(*(png() for _ in range(3)))
    worker()
    wait_until(lambda: len(fake.batches()) >= 4, what="more tries than attempts")
    assert record(ids[0])["attempts"] in ("0", "1")
    fake.away.unlink()
    records = settle(ids)
    assert {(job["status"], job["attempts"]) for job in records} == {("done", "1")}
    assert [job["finished_at"] for job in records] == sorted(job["finished_at"] for job in records)


def test_attempts_are_not_counted_when_the_serving_program_hangs(worker, put, settle, fake):
    program = worker(PREDICT_TIMEOUT=8)
    settle(put(png()))
    os.kill(fake.program.pid, signal.SIGSTOP)
    try:
        ids = put(*(png() for _ in range(3)))
        wait_until(lambda: "waiting for it" in program.log.read_text(), what="the worker to find it unavailable")
    finally:
        os.kill(fake.program.pid, signal.SIGCONT)
    assert {(job["status"], job["attempts"]) for job in settle(ids)} == {("done", "1")}


def test_a_model_slower_than_the_lease_keeps_its_job(worker, put, settle, fake):
    image = png("slow=13")
    ids = put(image)
    worker(LEASE=9, WORKER_PROCESSES=2)  # a renewal may come 6 s too late
    [job] = settle(ids)
    assert (job["status"], job["attempts"], fake.saw(image)) == ("done", "1", 1)


def test_a_job_that_breaks_the_model_fails_with_the_reason(worker, put, settle, fake):
    worker()
    [job] = settle(put(png("internal")))
    assert job["status"] == "failed"
    assert "3 attempts: PredictFailed: INTERNAL: something broke" in job["reason"]


def test_expired_jobs_never_reach_the_model(worker, put, record, fake):
    ids = put(*(png() for _ in range(100)), job_lifetime=0.01)
    time.sleep(0.02)  # they are over their lifetime now, and nobody has looked
    assert worker("--burst").wait() == 0
    assert {record(job_id)["status"] for job_id in ids} == {"expired"}
    assert fake.batches() == []


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_finishes_its_batch_and_claims_no_more(worker, put, record, fake, name):
    fake.held.touch()
    held, *others = put(png("hold"), *(png() for _ in range(3)))
    program = worker(BATCH_SIZE=1)
    wait_until(fake.batches)
    os.killpg(program.pid, name)  # to the children as well, as Ctrl-C and some supervisors do
    time.sleep(2)  # for the signal to arrive
    fake.held.unlink()
    assert program.wait() == 0
    assert [record(job_id)["status"] for job_id in (held, *others)] == ["done"] + ["pending"] * 3


def test_a_signal_that_does_not_interrupt_the_wait_for_the_children_is_noticed_during_it(monkeypatch):
    stopping, waiting = SimpleNamespace(value=False), threading.get_ident()

    def waits_for_the_children():
        names = [frame.name for frame in traceback.extract_stack(sys._current_frames()[waiting])]
        return names[-1] == "wait" and "submit" not in names

    def child(*_):
        wait_until(waits_for_the_children)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # not to the thread that waits
        wait_until(lambda: stopping.value)

    monkeypatch.setattr("asynchronous.worker.run_child", child)
    monkeypatch.setattr("asynchronous.worker.ProcessPoolExecutor", lambda count, *_: ThreadPoolExecutor(count))
    before = signal.signal(signal.SIGTERM, lambda *_: setattr(stopping, "value", True))
    try:
        run_all(Settings(), burst=False, names=["a"], stopping=stopping)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_child_that_hangs_is_replaced(worker, put, settle):
    program = worker(PREDICT_TIMEOUT=10, HANG_AFTER=20)  # longer than a child takes to start
    stopped = kill_child(program.pid, signal.SIGSTOP)
    assert [job["status"] for job in settle(put(png()))] == ["done"]
    assert not alive(stopped)


def test_a_restart_of_redis_during_a_batch_loses_nothing(worker, free_port, tmp_path, fake):
    port = free_port()
    start = lambda: servers.redis_server(port, tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always")  # noqa: E731
    server, url = start().wait_ready(), f"redis://127.0.0.1:{port}/0"
    client = redis.Redis.from_url(url, decode_responses=True)
    submit = lambda job_id, image: run_step(client, Settings(redis_url=url), "submit", job_id, image, "", jobs=[job_id])  # noqa: E731
    fake.held.touch()
    submit("a" * 32, png("hold"))
    worker(REDIS_URL=url)
    wait_until(fake.batches)
    server.kill()
    fake.held.unlink()
    server = start().wait_ready()
    wait_until(lambda: client.hget("a" * 32 + "_job", "status") == "done")
    assert client.hget("a" * 32 + "_job", "attempts") == "1"
    submit("b" * 32, png())
    wait_until(lambda: client.hget("b" * 32 + "_job", "status") == "done")
    client.close()
    server.stop()


def test_a_worker_waits_for_redis_and_warns_once(worker, free_port, fake):
    program = worker(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    wait_until(lambda: "waiting for it" in program.log.read_text())
    assert program.log.read_text().count("\n") < 6
    assert program.poll() is None


def test_a_wrong_setting_ends_the_worker_with_one_line():
    argv = [sys.executable, "-m", "asynchronous.worker"]
    ended = subprocess.run(argv, env=os.environ | {"BATCH_SIZE": "many"}, check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    assert re.fullmatch(r"wrong settings: BATCH_SIZE: .*\n", ended.stderr)
