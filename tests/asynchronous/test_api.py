"""The proxy over HTTP, with a real Redis."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from asynchronous.consumer import Result
from local import servers
from local.processes import wait_until

from .conftest import PNG, SEVEN, Consumer, end_of, png, post


def test_a_job_is_followed_from_pending_to_done(api, finish, settings):
    job_id = post(api)
    first = api.get(f"/job/{job_id}")
    assert (first.status_code, first.json()["status"], first.json()["attempts"]) == (202, "pending", 0)
    finish(SEVEN)
    last = api.get(f"/job/{job_id}")
    assert last.status_code == 200
    assert last.json() | {"status": "done", "label": "7", "probability": 0.9, "attempts": 1} == last.json()
    assert last.json()["accepted_at"] <= last.json()["started_at"] <= last.json()["finished_at"]


def test_a_running_job_is_answered_with_202(api, settings):
    job_id = post(api)
    Consumer(settings(), "test").claim(5)
    assert (api.get(f"/job/{job_id}").status_code, api.get(f"/job/{job_id}").json()["status"]) == (202, "running")


def test_a_failed_job_has_its_reason(api, finish):
    job_id = post(api)
    finish(Result(refused="INVALID_ARGUMENT: no image"))
    answer = api.get(f"/job/{job_id}")
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert answer.json()["reason"] == "INVALID_ARGUMENT: no image"


def test_an_expired_job_is_gone(api, store):
    job_id = post(api)
    store.hset(f"{job_id}_job", "expires_at", 0)
    answer = api.get(f"/job/{job_id}")
    assert (answer.status_code, answer.json()["status"]) == (410, "expired")
    assert answer.json()["detail"] == "job_id: expired, no result within its lifetime"


@pytest.mark.parametrize("job_id", ["0" * 32, "x", "0" * 31 + "%0a", "F" * 32, "x" * 5000])
def test_an_unknown_job_is_not_found(api, job_id):
    answer = api.get(f"/job/{job_id}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "job_id: unknown, or its result's lifetime is over")


@pytest.mark.parametrize("seconds", ["31", "-1", "nan", "inf", "soon"])
def test_a_wrong_wait_is_refused(api, seconds):
    answer = api.get(f"/job/{'0' * 32}", params={"wait": seconds})
    assert (answer.status_code, answer.json()["detail"][:6]) == (422, "wait: ")


def test_a_wait_without_result_is_answered_when_time_is_up(api):
    answer = api.get(f"/job/{post(api)}", params={"wait": 0.1})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")


def test_digits_get_the_labels_that_people_gave_them(api, serving, worker, digit_images):
    worker(SERVING_GRPC=serving.grpc, WORKER_PROCESSES=2)
    jobs = [post(api, image.data) for image in digit_images]
    labels = [end_of(api, job_id)["label"] for job_id in jobs]
    right = sum(label == image.label for label, image in zip(labels, digit_images, strict=True))
    assert right >= 0.95 * len(digit_images)


def test_a_client_that_disconnects_in_the_middle_leaves_no_traceback(api):
    with socket.create_connection((api.base_url.host, api.base_url.port)) as caller:
        caller.sendall(
            b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\ncontent-length: 1000\r\n\r\nabc"
        )
    post(api)
    wait_until(lambda: "POST /predict" in api.log.read_text())
    assert "Traceback" not in api.log.read_text()


def test_a_full_queue_is_a_503_with_retry_after(proxy, store):
    _, api = proxy(MAX_QUEUED_JOBS=3)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: api.post("/predict", content=png(), headers=PNG), range(32)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert (len(answers) - len(refused), store.xlen("jobs")) == (3, 3)
    assert {(answer.headers["retry-after"], answer.json()["detail"][:6]) for answer in refused} == {("5", "queue:")}


def test_without_redis_nothing_is_accepted_and_it_recovers_without_a_restart(proxy, tmp_path):
    port = servers.free_port()
    _, api = proxy(REDIS_URL=f"redis://127.0.0.1:{port}/0")
    assert (api.get("/health").status_code, api.get("/ready").status_code) == (200, 503)
    answer = api.post("/predict", content=png(), headers=PNG)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"].startswith("Redis: not available")
    server = servers.redis_server(port, tmp_path / "redis").wait_ready()
    wait_until(lambda: api.get("/ready").status_code == 200)
    assert api.get(f"/job/{post(api)}").status_code == 202
    server.stop()
