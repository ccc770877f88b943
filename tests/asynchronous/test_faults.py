"""What a worker and its neighbours do when something dies, stands still or holds its breath."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from local.processes import wait_until

from .conftest import children, cpu_seconds, kill_child, png

PNG = {"content-type": "image/png"}


def test_an_idle_worker_uses_less_than_a_hundredth_of_a_core(worker, store):
    program = worker(WORKER_PROCESSES=2)
    blocked = lambda: store.info("clients")["blocked_clients"] == 2  # noqa: E731  both children wait for a job
    wait_until(lambda: len(children(program.pid)) == 2 and blocked(), 20, "the children to be at work")
    processes = [program.pid, *children(program.pid)]
    before, began = [cpu_seconds(pid) for pid in processes], time.monotonic()
    time.sleep(5)  # this is what is measured
    used = sum(map(cpu_seconds, processes)) - sum(before)
    assert 0 < used < 0.01 * (time.monotonic() - began)
    assert children(program.pid) == processes[1:]


def test_a_child_that_dies_is_replaced_within_two_seconds_and_counted_in_the_metrics(worker, proxy):
    _, api = proxy()
    program = worker()
    dead = kill_child(program.pid)
    killed = time.monotonic()
    wait_until(lambda: children(program.pid) not in ([], [dead]), 10, "another child")
    assert time.monotonic() - killed < 2
    wait_until(lambda: "jobs_worker_restarts_total 1.0" in api.get("/metrics").text.splitlines(), 10)


def test_who_comes_back_after_its_lease_changes_nothing(worker, put, record, settle, fake, store):
    ids = put(png("slow=2"))
    slow = worker(LEASE=1)
    wait_until(fake.batches)
    stopped = kill_child(slow.pid, signal.SIGSTOP)
    other = worker(LEASE=1)
    [ended] = settle(ids)
    assert (ended["status"], ended["attempts"], len(fake.batches())) == ("done", "2", 2)
    assert other.stop() == 0
    os.kill(stopped, signal.SIGCONT)
    [later] = settle(put(png()))  # only the slow one is left to do it, and has written its late result before
    assert (later["status"], record(ids[0])) == ("done", ended)
    assert store.hget("job_counters", "done") == "2"


@pytest.fixture
def accepted_before_death(proxy, store):
    """Post images while Redis writes nothing, SIGKILL the proxy, and return the ids that were answered with 202."""

    def asking():
        return sum(client["cmd"] == "evalsha" for client in store.client_list())

    def run(images=5, answered=0, **env):
        program, api = proxy(**env)
        store.client_pause(20_000, all=False)
        try:
            with ThreadPoolExecutor(images) as pool:
                posts = [pool.submit(api.post, "/predict", content=png(), headers=PNG) for _ in range(images)]
                wait_until(asking, 10, "the proxy to hand jobs in")
                wait_until(lambda: sum(post.done() for post in posts) == answered, 10)
                program.kill()
            wait_until(lambda: asking() == 0, 10, "Redis to see that nobody asks any more")
        finally:
            store.client_unpause()
        answers = [post.result() for post in posts if not isinstance(post.exception(), httpx.TransportError)]
        return [answer.json()["job_id"] for answer in answers if answer.status_code == 202]

    return run


def test_a_job_registered_before_the_answer_is_not_promised_when_the_proxy_dies(accepted_before_death):
    assert accepted_before_death(REGISTER="before_answer") == []


def test_a_job_registered_in_the_background_is_lost_when_the_proxy_dies(accepted_before_death, record):
    accepted = accepted_before_death(REGISTER="background", answered=5)
    assert len(accepted) == 5
    assert [record(job_id) for job_id in accepted] == [{}] * 5
