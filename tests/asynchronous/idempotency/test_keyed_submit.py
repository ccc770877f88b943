"""One job for each Idempotency-Key."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from asynchronous.idempotency.keyed_submit import KeyReused
from asynchronous.job_queue import QueueFull

from ..conftest import PNG, label_of, png


def test_one_key_makes_one_job_as_long_as_that_job_is_known(make, store):
    queue, _ = make()
    first = queue.submit_with_key(b"image", "key")
    assert queue.submit_with_key(b"image", "key") == first
    with pytest.raises(KeyReused):
        queue.submit_with_key(b"another image", "key")
    assert store.xlen("jobs") == 1
    store.delete(f"{first}_job")
    assert queue.submit_with_key(b"image", "key") != first


def test_a_key_is_answered_also_when_the_queue_is_full(make):
    queue, _ = make(max_queued_jobs=1)
    first = queue.submit_with_key(b"image", "key")
    assert queue.submit_with_key(b"image", "key") == first
    with pytest.raises(QueueFull):
        queue.submit_with_key(b"image", "another key")


def test_a_hundred_posts_with_one_key_make_one_job_and_one_inference(api, worker, fake, store):
    image, key = png(), {"idempotency-key": "upload-1"}
    with ThreadPoolExecutor(50) as pool:
        posts = list(pool.map(lambda _: api.post("/predict", content=image, headers=PNG | key), range(100)))
    assert {answer.status_code for answer in posts} == {202}
    [job_id] = {answer.json()["job_id"] for answer in posts}
    assert {answer.headers["location"] for answer in posts} == {f"/job/{job_id}"}
    assert worker("--burst").wait() == 0
    assert (api.get(f"/job/{job_id}").json()["label"], fake.saw(image)) == (label_of(image), 1)
    assert store.hget("job_counters", "accepted") == "1"


def test_a_key_that_belongs_to_another_image_is_a_conflict(api, store):
    key = {"idempotency-key": "upload-1"}
    assert api.post("/predict", content=png(), headers=PNG | key).status_code == 202
    answer = api.post("/predict", content=png(), headers=PNG | key)
    assert (answer.status_code, answer.json()["detail"][:17]) == (409, "idempotency-key: ")
    assert store.xlen("jobs") == 1


def test_a_key_that_belongs_to_another_callback_url_is_a_conflict(make):
    queue, _ = make()
    first, other = '["callback_url", "https://example.com/a"]', '["callback_url", "https://example.com/b"]'
    job_id = queue.submit_with_key(b"image", "key", first)
    assert queue.submit_with_key(b"image", "key", first) == job_id
    with pytest.raises(KeyReused):
        queue.submit_with_key(b"image", "key", other)


def test_openapi_has_the_header_and_the_parameters_of_other_optional_parts(api):
    parameters = api.get("/openapi.json").json()["paths"]["/predict"]["post"]["parameters"]
    assert {each["name"] for each in parameters} == {"Idempotency-Key", "callback_url"}
