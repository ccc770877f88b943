"""What a worker does when it is idle, and when one of its processes stands still."""

import os
import signal
import time

from local.processes import wait_until

from .conftest import children, cpu_seconds, kill_child, png


def test_an_idle_worker_uses_less_than_a_hundredth_of_a_core(worker, store):
    program = worker(WORKER_PROCESSES=2)
    blocked = lambda: store.info("clients")["blocked_clients"] == 2  # noqa: E731  both children wait for a job
    wait_until(lambda: len(children(program.pid)) == 2 and blocked(), what="the children to be at work")
    processes = [program.pid, *children(program.pid)]

    def used_in_a_second():
        before, began = sum(map(cpu_seconds, processes)), time.monotonic()
        time.sleep(1)  # this is what is measured
        return (sum(map(cpu_seconds, processes)) - before) / (time.monotonic() - began)

    used = min(used_in_a_second() for _ in range(5))  # other programs can slow a second down, not speed one up
    assert 0 < used < 0.01
    assert children(program.pid) == processes[1:]


def test_a_process_that_continues_after_its_lease_changes_nothing(worker, put, record, settle, fake, store):
    fake.held.touch()
    ids = put(png("hold"))
    slow = worker(LEASE=1)
    wait_until(fake.batches)
    stopped = kill_child(slow.pid, signal.SIGSTOP)
    fake.held.unlink()
    other = worker(LEASE=1)
    [ended] = settle(ids)
    assert (ended["status"], ended["attempts"], len(fake.batches())) == ("done", "2", 2)
    assert other.stop(60) == 0
    os.kill(stopped, signal.SIGCONT)
    [later] = settle(put(png()))  # only the slow one is left to do it, and has written its late result before
    assert (later["status"], record(ids[0])) == ("done", ended)
    assert store.hget("job_counters", "done") == "2"
