"""The next entries are read together with the end of a batch."""

from ctypes import c_bool

import pytest
import redis.client

from asynchronous.errors import RedisAway
from asynchronous.loop import Loop
from asynchronous.model import Model
from asynchronous.throughput.quick_batches import QuickBatches, skip_records

from ..conftest import SEVEN, Consumer, ids, lapse


@pytest.fixture
def eager(make):
    """Return a queue of seven jobs in batches of two, its jobs' ids, and a consumer that reads ahead."""
    queue, _ = make(batch_size=2)
    jobs, one = [queue.put() for _ in range(7)], Consumer(queue.settings, "a", quick=False)
    QuickBatches(one, queue.settings, lambda: 2)
    return queue, jobs, one


def leases(store, consumer):
    entries = [lease["message_id"] for lease in store.xpending_range("jobs", "workers", "-", "+", 10, consumer)]
    return [store.xrange("jobs", entry, entry)[0][1]["job_id"] for entry in entries]


def test_the_end_of_a_batch_and_the_next_read_are_one_round_trip(eager, store, monkeypatch):
    queue, jobs, one = eager
    claims = one.claim(1)
    monkeypatch.setattr(redis.client.Redis, "execute_command", None)  # every other way to Redis
    one.finish(claims, [SEVEN] * 2)
    assert ids(one.claim(1)) == jobs[2:4]
    assert [queue.read(job_id).status for job_id in jobs] == ["done"] * 2 + ["running"] * 2 + ["pending"] * 3


def test_a_lapsed_lease_waits_for_one_batch_at_most(eager, store):
    queue, jobs, one = eager
    other = Consumer(queue.settings, "b")
    claims = one.claim(1)
    other.claim(1)
    lapse(store, jobs[2])
    claimed = []
    for _ in range(3):
        one.finish(claims, [SEVEN] * len(claims))
        claims = one.claim(1)
        claimed.append(ids(claims))
    assert claimed == [jobs[4:6], [jobs[2]], jobs[6:]]


def test_entries_whose_answer_was_lost_are_released_when_the_batch_has_ended(eager, monkeypatch):
    queue, jobs, one = eager
    claims, execute = one.claim(1), redis.client.Pipeline.execute

    def lose_the_answer(*args, **options):
        execute(*args, **options)
        monkeypatch.undo()
        raise ConnectionError("lost")

    monkeypatch.setattr(redis.client.Pipeline, "execute", lose_the_answer)
    with pytest.raises(RedisAway):
        one.finish(claims, [SEVEN] * 2)
    one.finish(claims, [SEVEN] * 2)  # as the loop does
    [released] = Consumer(queue.settings, "b").claim(1)  # a released job is claimed alone
    assert (released.job_id, released.attempts) == (jobs[2], 1)
    assert [queue.read(job_id).attempts for job_id in jobs[:2]] == [1, 1]


def test_a_batch_ends_on_a_redis_that_has_forgotten_the_script(eager, store):
    queue, jobs, one = eager
    claims = one.claim(1)
    store.script_flush()
    one.finish(claims, [SEVEN] * 2)
    store.script_flush()
    assert ids(one.claim(1)) == jobs[2:4]
    assert queue.read(jobs[0]).status == "done"


def test_a_consumer_that_holds_more_entries_reads_no_further(eager, store):
    _, jobs, one = eager
    first, second = one.claim(1)
    one.finish([first], [SEVEN])
    assert leases(store, "a") == [jobs[1]]
    one.finish([second], [SEVEN])
    assert leases(store, "a") == []


def test_a_worker_that_stops_reads_nothing_ahead(eager, store, monkeypatch):
    queue, jobs, _ = eager
    stopping, released = c_bool(), []
    loop = Loop(queue.settings, "b", stopping, Model(queue.settings))
    skip_records(loop, queue.settings)
    monkeypatch.setattr(loop.queue, "release", lambda *_, **__: released.extend(leases(store, "b")))

    def predict(images):
        stopping.value = True
        return [SEVEN] * len(images)

    loop.predict = predict
    loop.run(0, burst=False)
    assert queue.read(jobs[1]).status == "done"
    assert released == []
