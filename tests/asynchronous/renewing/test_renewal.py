"""Leases that are renewed while a batch runs."""

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
