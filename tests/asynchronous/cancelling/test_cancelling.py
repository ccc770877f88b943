"""Cancel a job over HTTP."""

from ..conftest import SEVEN, Consumer, ids, post


def test_a_pending_job_is_cancelled_and_never_runs(api, settings, store):
    job_id, other = post(api), post(api)
    assert api.delete(f"/job/{job_id}").status_code == 204
    answer = api.get(f"/job/{job_id}", params={"wait": 5})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert ids(Consumer(settings(), "test").claim(1)) == [other]
    assert (store.exists(f"{job_id}_image"), store.hget("job_counters", "cancelled")) == (0, "1")


def test_a_job_that_was_delivered_but_not_started_can_be_cancelled(api, settings, store):
    job_id, consumer = post(api), Consumer(settings(), "test")
    consumer.join()
    store.xreadgroup("workers", "test", {"jobs": ">"}, count=1)
    assert api.delete(f"/job/{job_id}").status_code == 204
    assert (store.xlen("jobs"), store.xpending("jobs", "workers")["pending"]) == (0, 0)


def test_a_job_that_runs_or_has_ended_is_not_cancelled(api, settings):
    job_id, consumer = post(api), Consumer(settings(), "test")
    claims = consumer.claim(1)
    answers = [api.delete(f"/job/{job_id}")]
    consumer.finish(claims, [SEVEN])
    answers.append(api.delete(f"/job/{job_id}"))
    assert [answer.status_code for answer in answers] == [409, 409]
    assert [answer.json()["detail"][:15] for answer in answers] == ["job_id: is runn", "job_id: is done"]
    assert api.get(f"/job/{job_id}").json()["status"] == "done"


def test_a_repeated_request_gets_the_same_answer(api):
    job_id = post(api)
    assert [api.delete(f"/job/{job_id}").status_code for _ in range(2)] == [204, 204]


def test_an_unknown_job_cannot_be_cancelled(api):
    assert [api.delete(f"/job/{job_id}").status_code for job_id in ("0" * 32, "x")] == [404, 404]
