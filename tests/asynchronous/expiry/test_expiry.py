"""A queue without workers."""

from local.processes import wait_until

from ..conftest import PNG, png, post


def test_an_entry_that_is_not_a_job_does_not_end_the_expiry(proxy, store):
    _, api = proxy()
    for _ in range(2):
        job_id = post(api)
        store.xadd("jobs", {"task": "send_mail"})
        store.hset(f"{job_id}_job", "expires_at", 0)
        wait_until(lambda job_id=job_id: store.hget(f"{job_id}_job", "status") == "expired")
    assert store.xlen("jobs") == 2


def test_expired_jobs_in_a_queue_without_workers_make_room(proxy, store):
    _, api = proxy(MAX_QUEUED_JOBS=2)
    posted = [api.post("/predict", content=png(), headers=PNG).status_code for _ in range(3)]
    assert posted == [202, 202, 503]
    for name in store.keys("*_job"):
        store.hset(name, "expires_at", 0)
    wait_until(lambda: store.xlen("jobs") == 0)
    assert store.xlen("dead_letters") == 2
    assert api.post("/predict", content=png(), headers=PNG).status_code == 202
