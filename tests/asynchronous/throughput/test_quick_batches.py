"""Batches that start and end without the records of their jobs."""

import pytest

from asynchronous.consumer import Result

from ..conftest import SEVEN, ids, lapse


@pytest.fixture
def commands(store):
    """Return how often Redis ran a command since the last call."""
    store.config_resetstat()

    def commands(name):
        calls = store.info("commandstats").get(f"cmdstat_{name}", {"calls": 0})["calls"]
        store.config_resetstat()
        return calls

    return commands


def open_jobs(store):
    return [fields["job_id"] for _, fields in store.xrange("jobs")]


def test_a_new_batch_starts_and_ends_without_its_jobs_records(make, store, commands):
    queue, consumer = make(batch_size=3)
    jobs, one = [queue.put() for _ in range(3)], consumer()
    commands("hmget")
    one.finish(one.claim(1), [SEVEN] * 3)
    assert commands("hmget") == 0
    assert {queue.read(job_id).status for job_id in jobs} == {"done"}


def test_a_batch_that_lost_a_lease_ends_by_its_jobs_records(make, store, commands):
    queue, consumer = make(batch_size=2)
    jobs, one, other = [queue.put() for _ in range(2)], consumer("a"), consumer("b")
    claims = one.claim(1)
    lapse(store, jobs[0])
    other.finish(other.claim(1), [SEVEN])
    finished_at = queue.read(jobs[0]).finished_at
    commands("hmget")
    one.finish(claims, [SEVEN] * 2)
    assert commands("hmget") == 2
    assert (queue.read(jobs[0]).finished_at, queue.read(jobs[1]).status, open_jobs(store)) == (finished_at, "done", [])


def test_jobs_that_end_in_order_are_trimmed_and_others_are_deleted_one_by_one(make, store, commands):
    queue, consumer = make(batch_size=2)
    jobs, one, other = [queue.put() for _ in range(5)], consumer("a"), consumer("b")
    first, second = one.claim(1), other.claim(1)
    other.finish(second, [SEVEN] * 2)
    assert (commands("xtrim"), open_jobs(store)) == (1, [*jobs[:2], jobs[4]])  # another stream is trimmed, too
    one.finish(first, [SEVEN] * 2)
    assert (commands("xtrim"), open_jobs(store)) == (2, jobs[4:])


def test_a_job_that_was_released_is_not_trimmed_with_later_jobs(make, store):
    queue, consumer = make(batch_size=1)
    jobs, one, other = [queue.put() for _ in range(2)], consumer("a"), consumer("b")
    one.claim(1)
    later = other.claim(1)
    one.release("a fault", counted=False)
    other.finish(later, [SEVEN])
    assert open_jobs(store) == jobs[:1]
    assert ids(other.claim(1)) == jobs[:1]


def test_a_consumer_that_lost_a_lease_and_holds_another_changes_no_end(make, store):
    queue, consumer = make(batch_size=1)
    jobs, one, other = [queue.put() for _ in range(2)], consumer("a"), consumer("b")
    claims = one.claim(1)
    lapse(store, jobs[0])
    other.finish(other.claim(1), [Result("1", 0.5)])
    store.xreadgroup("workers", "a", {"jobs": ">"}, count=1)  # and the answer was lost
    one.finish(claims, [SEVEN])
    assert [queue.read(job_id).label for job_id in jobs] == ["1", None]
    assert open_jobs(store) == jobs[1:]
