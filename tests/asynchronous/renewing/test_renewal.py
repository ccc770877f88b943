"""Leases that are renewed while a batch runs."""

from asynchronous.renewing.renewal import renew
from asynchronous.sharing import batches

from ..conftest import ids, lapse


def test_a_lease_that_is_renewed_does_not_lapse(make, store):
    queue, consumer = make(lease=100)
    job_id, one = queue.put(), consumer("a")
    one.claim(1)
    for _ in range(3):
        store.xclaim("jobs", "workers", "a", 0, [store.hget(f"{job_id}_job", "entry")], idle=90_000, justid=True)
        one.renew()
        [held] = store.xpending_range("jobs", "workers", "-", "+", 10)
        assert held["time_since_delivered"] < 80_000
        assert consumer("b").claim(0.05) == []
    lapse(store, job_id)
    assert ids(consumer("b").claim(1)) == [job_id]


def test_the_lease_of_a_job_that_the_consumer_does_not_know_lapses(make, store):
    """The answer to a read came too late, or a failover undid the end of a job: nobody works on it."""
    queue, consumer = make(lease=100)
    known, unknown = queue.put(), queue.put()
    one = consumer("a")
    assert ids(one.claim(1, count=1)) == [known]
    store.xreadgroup("workers", "a", {"jobs": ">"})
    for job_id in (known, unknown):
        lapse(store, job_id)
    one.renew()
    idle = [lease["time_since_delivered"] for lease in store.xpending_range("jobs", "workers", "-", "+", 10)]
    assert idle[0] < 80_000 < idle[1]
    assert ids(consumer("b").claim(1)) == [unknown]


def test_the_leases_of_entries_that_wait_for_the_next_batch_are_renewed(make, store, monkeypatch):
    monkeypatch.setattr(batches, "MAX_BATCH_BYTES", 1)
    queue, _ = make(lease=100)
    first, second = queue.put(), queue.put()
    one = batches.BoundedConsumer(queue.settings, "a")
    one.join()
    assert ids(one.claim(1, 2)) == [first]
    for job_id in (first, second):
        lapse(store, job_id)
    renew(one)
    assert all(
        lease["time_since_delivered"] < 80_000 for lease in store.xpending_range("jobs", "workers", "-", "+", 10)
    )
