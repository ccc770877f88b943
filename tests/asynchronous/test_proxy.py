import asyncio
import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import redis

from asynchronous import uploads
from asynchronous.consumer import Consumer, Result
from asynchronous.images import MAX_BYTES
from asynchronous.proxy import create_app
from local import servers
from local.processes import wait_until
from local.stack import PROXY

from .conftest import cpu_seconds, label_of, launch_proxy, png

PNG = {"content-type": "image/png"}
JSON = {"content-type": "application/json"}
SEVEN = Result("7", 0.9)


@pytest.fixture(scope="module")
def shared(tmp_path_factory, redis_port):
    program, client = launch_proxy(tmp_path_factory.mktemp("proxy"), REDIS_URL=f"redis://127.0.0.1:{redis_port}/0")
    client.log = program.log
    yield client
    client.close()
    program.stop()


@pytest.fixture
def api(shared, redis_url):
    """A client of one proxy, for all tests that need no settings of their own."""
    return shared


@pytest.fixture
def finish(settings):
    """Take up as many jobs as there are results, as a worker does, and finish them."""
    consumer = Consumer(settings(), "test")

    def finish(*results):
        consumer.finish(consumer.claim(5), list(results))

    return finish


def post(api, image=None):
    answer = api.post("/predict", content=image or png(), headers=PNG)
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


@pytest.mark.parametrize("form", ["raw", "file", "base64"])
def test_an_image_is_accepted_and_stored_unchanged(api, redis_url, form):
    image = png("trailing bytes, \x00 as well") + bytes(3_000_000)  # more than a form keeps in memory by default
    forms = {
        "raw": {"content": image, "headers": PNG},
        "file": {"files": {"any_name": ("../digit.png", image)}, "data": {"comment": "not looked at"}},
        "base64": {"json": {"image_data": base64.b64encode(image).decode()}},
    }
    answer = api.post("/predict", **forms[form])
    job_id = answer.json()["job_id"]
    assert (answer.status_code, answer.json()) == (202, {"job_id": job_id, "status": "pending"})
    assert re.fullmatch("[0-9a-f]{32}", job_id)
    assert answer.headers["location"] == f"/job/{job_id}"
    assert redis.Redis.from_url(redis_url).get(f"{job_id}_image") == image


FORM = {"content-type": "multipart/form-data; boundary=x"}


def form(name: bytes, content: bytes = b"x", parts: int = 1) -> bytes:
    part = b'--x\r\ncontent-disposition: form-data; name="' + name + b'"\r\n\r\n' + content + b"\r\n"
    return part * parts + b"--x--\r\n"


BAD = {
    "no type": (png(), {}, 415, "content-type: must be image/*, multipart/form-data or application/json, not ''"),
    "text type": (png(), {"content-type": "text/plain"}, 415, "content-type: must be"),
    "no form": (png(), {"content-type": "multipart/form-data; boundary=x"}, 422, "image: the form cannot be read"),
    "no boundary": (png(), {"content-type": "multipart/form-data"}, 422, "image: the form cannot be read"),
    "no file": (form(b"image", b""), FORM, 422, "image: the form holds no file"),
    "two files": (form(b'image"; filename="a', parts=2), FORM, 422, "image: the form cannot be read: Too many files"),
    "large form": (form(b'image"; filename="a', bytes(MAX_BYTES + 70_000)), FORM, 413, "image: at most 10485760"),
    "large file": (form(b'image"; filename="a', bytes(MAX_BYTES + 1)), FORM, 413, "image: at most 10485760"),
    "long key": (png(), PNG | {"idempotency-key": "x" * 256}, 422, "Idempotency-Key: String should have at most 255"),
    "empty": (b"", PNG, 422, "image: is empty"),
    "text": (b"hello", PNG, 422, "image: not a JPEG, PNG, GIF or BMP file"),
    "large": (bytes(MAX_BYTES + 1), PNG, 413, "image: at most 10485760 bytes"),
    "no JSON": (b"{", JSON, 422, "image_data: Invalid JSON"),
    "no field": (b"{}", JSON, 422, "image_data: Field required"),
    "number": (b'{"image_data": 7}', JSON, 422, "image_data: Input should be a valid string"),
    "no base64": (b'{"image_data": "%%%%"}', JSON, 422, "image_data: not base64"),
    "not ASCII": ('{"image_data": "é"}'.encode(), JSON, 422, "image_data: not base64"),
    "half": (b'{"image_data": "abc"}', JSON, 422, "image_data: not base64"),
    "empty text": (b'{"image_data": ""}', JSON, 422, "image: is empty"),
    "large text": (b'{"image_data": "' + b"A" * 14_000_000, JSON, 413, "image: at most 10485760 bytes"),
    "deep": (b"[" * 100_000, JSON, 422, "image_data: Invalid JSON"),
    "not UTF-8": (b'{"image_data": "\xff"}', JSON, 422, "image_data: Invalid JSON"),
}


@pytest.mark.parametrize(("body", "headers", "status", "detail"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_the_reason(api, store, body, headers, status, detail):
    answer = api.post("/predict", content=body, headers=headers)
    assert (answer.status_code, answer.json()["detail"][: len(detail)]) == (status, detail)
    assert len(answer.text) < 300
    assert store.keys() == []


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(api, store):
    sent = []
    pieces = (sent.append(1) or bytes(2**20) for _ in range(1000))
    with contextlib.suppress(httpx.WriteError):  # it may hang up while we are still sending
        assert api.post("/predict", content=pieces, headers=PNG).status_code == 413
    assert len(sent) < 100
    assert store.keys() == []


def test_a_job_is_followed_from_pending_to_done(api, finish, settings):
    job_id = post(api)
    first = api.get(f"/job/{job_id}")
    assert (first.status_code, first.json()["status"], first.json()["attempts"]) == (202, "pending", 0)
    finish(SEVEN)
    last = api.get(f"/job/{job_id}")
    assert last.status_code == 200
    assert last.json() | {"status": "done", "label": "7", "probability": 0.9, "attempts": 1} == last.json()
    assert last.json()["accepted_at"] <= last.json()["started_at"] <= last.json()["finished_at"]


def test_a_running_job_is_not_there_yet(api, settings):
    job_id = post(api)
    Consumer(settings(), "test").claim(5)
    assert (api.get(f"/job/{job_id}").status_code, api.get(f"/job/{job_id}").json()["status"]) == (202, "running")


def test_a_failed_job_says_why(api, finish):
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


def test_fifty_who_wait_are_answered_when_their_job_is_done(api, finish):
    jobs = [post(api) for _ in range(10)]
    with ThreadPoolExecutor(50) as pool:
        waits = [pool.submit(api.get, f"/job/{job_id}", params={"wait": 30}) for job_id in jobs * 5]
        finish(*[SEVEN] * 10)
        answers = [wait.result() for wait in waits]
    assert {(answer.status_code, answer.json()["label"]) for answer in answers} == {(200, "7")}


def is_idle(pid):
    """Watch a process for a second; say whether it used less than 5 % of a core."""
    before = cpu_seconds(pid)
    time.sleep(1)
    return cpu_seconds(pid) - before < 0.05


def test_five_hundred_who_wait_cost_nothing_until_their_job_is_done(proxy, finish):
    program, api = proxy()
    job_id = post(api)
    request = f"GET /job/{job_id}?wait=30 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        callers = [socket.create_connection((api.base_url.host, api.base_url.port)) for _ in range(500)]
        for caller in map(stack.enter_context, callers):
            caller.sendall(request)
        wait_until(lambda: is_idle(program.pid), 20, "all to be waiting")
        finish(SEVEN)
        answers = [caller.makefile("rb").read() for caller in callers]
    assert {(answer[:12], answer.count(b'"label":"7"')) for answer in answers} == {(b"HTTP/1.1 200", 1)}


def test_who_waits_in_vain_is_answered_when_time_is_up(api):
    answer = api.get(f"/job/{post(api)}", params={"wait": 0.1})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")


def test_the_shipped_image_is_a_seven(api, serving, worker):
    job_id = api.get("/predict/test").json()["job_id"]
    worker(SERVING_GRPC=serving.grpc)
    answer = api.get(f"/job/{job_id}", params={"wait": 30})
    assert answer.json()["label"] == "7"


def test_digits_get_the_labels_that_people_gave_them(api, serving, worker, digit_images):
    worker(SERVING_GRPC=serving.grpc, WORKER_PROCESSES=2)
    jobs = [post(api, image.data) for image in digit_images]
    labels = [api.get(f"/job/{job_id}", params={"wait": 30}).json()["label"] for job_id in jobs]
    right = sum(label == image.label for label, image in zip(labels, digit_images, strict=True))
    assert right >= 0.95 * len(digit_images)


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


def events(api, job_id, then=lambda: None, **headers):
    """Read a job's whole stream of events; call `then` after the first."""
    found = []
    with api.stream("GET", f"/job/{job_id}/events", headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                then() if len(found) == 1 else None
    return answer, found


def test_a_job_sends_its_states_as_events_and_the_stream_ends_with_it(api, finish):
    job_id = post(api)
    answer, found = events(api, job_id, lambda: finish(SEVEN))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (found[0]["status"], found[0]["queue_position"]) == ("pending", 1)
    assert (found[-1]["status"], found[-1]["label"]) == ("done", "7")
    assert found[-1] == api.get(f"/job/{job_id}").json()


def test_who_comes_back_after_the_end_of_the_stream_is_told_to_stay_away(api, finish):
    job_id = post(api)
    finish(SEVEN)
    assert [event["status"] for event in events(api, job_id)[1]] == ["done"]
    assert events(api, job_id, **{"last-event-id": "running"})[1]
    assert events(api, job_id, **{"last-event-id": "done"})[0].status_code == 204
    assert events(api, "0" * 32)[0].status_code == 404


def test_facts_about_the_model_come_from_its_manifest(api):
    assert api.get("/label").json() == {"labels": list("0123456789")}
    metadata = api.get("/metadata").json()
    assert (metadata["name"], metadata["version"]) == ("digits", 1)
    assert [output["name"] for output in metadata["outputs"]] == ["label", "probability", "labels", "probabilities"]


def test_metrics_show_the_queue(api, finish):
    jobs = [post(api) for _ in range(2)]
    finish(SEVEN, Result(refused="no"))
    post(api)
    text = api.get("/metrics").text
    for line in ("jobs_queued 1.0", 'jobs_ended_total{status="done"} 1.0', 'jobs_ended_total{status="failed"} 1.0'):
        assert line in text.splitlines()
    sizes = [float(line.split()[1]) for line in text.splitlines() if line.startswith("jobs_batch_size_")]
    assert sizes == [0.0, *[1.0] * 11, 2.0]  # buckets of 1, 2, ... 512, and more; how many; jobs in all
    latencies = [line for line in text.splitlines() if line.startswith("jobs_latency_seconds_")]
    assert latencies[-3].startswith('jobs_latency_seconds_bucket{le="+Inf"} 2.0')
    assert 0 < float(latencies[-1].split()[1]) < 60
    assert len(jobs) == 2


def test_the_documentation_shows_both_bodies_and_the_errors(api):
    assert api.get("/docs").status_code == 200
    predict = api.get("/openapi.json").json()["paths"]["/predict"]["post"]
    assert set(predict["requestBody"]["content"]) == {"application/json", "image/*", "multipart/form-data"}
    assert {"202", "408", "409", "413", "415", "422", "503"} == set(predict["responses"])


def test_who_hangs_up_in_the_middle_leaves_no_traceback(api):
    with socket.create_connection((api.base_url.host, api.base_url.port)) as caller:
        caller.sendall(
            b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\ncontent-length: 1000\r\n\r\nabc"
        )
    post(api)
    wait_until(lambda: "POST /predict" in api.log.read_text())
    assert "Traceback" not in api.log.read_text()


def test_uploads_under_way_have_a_bound_in_memory(monkeypatch, redis_url):
    monkeypatch.setenv("REDIS_URL", redis_url)
    image, arrived, rest = png(), asyncio.Semaphore(0), asyncio.Event()
    monkeypatch.setattr(uploads, "MAX_BYTES", 2 * len(image))

    async def slowly():
        yield image[:-1]
        arrived.release()
        await rest.wait()
        yield image[-1:]

    async def post(client, content):
        return (await client.post("/predict", content=content, headers=PNG)).status_code

    async def post_four(app):
        transport = httpx.ASGITransport(app)
        async with app.state.queue.listening(), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            slow = [asyncio.create_task(post(client, slowly())) for _ in range(2)]
            for _ in slow:
                await arrived.acquire()
            refused = await post(client, image)
            rest.set()
            return refused, await asyncio.gather(*slow), await post(client, image), app.state.uploads.bytes

    assert asyncio.run(post_four(create_app())) == (503, [202, 202], 202, 0)


def test_a_wish_for_http_2_does_not_cost_the_body(proxy):
    _, api = proxy()
    wish = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAA"}
    for _ in range(2):  # on one connection
        assert api.post("/predict", content=png(), headers=PNG | wish).status_code == 202


def test_who_stops_in_the_middle_without_hanging_up_is_let_go(monkeypatch):
    monkeypatch.setattr(uploads, "STALLED", 0.2)

    async def half():
        yield png()
        await asyncio.Event().wait()

    async def post_half():
        transport = httpx.ASGITransport(create_app())
        async with asyncio.timeout(10), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post("/predict", content=half(), headers=PNG)

    answer = asyncio.run(post_half())
    assert (answer.status_code, answer.json()["detail"]) == (408, "image: nothing came for 0.2 s")
    assert answer.headers["connection"] == "close"


def test_a_full_queue_is_a_503_that_says_when_to_come_back(proxy, store):
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


def test_who_waits_while_redis_restarts_still_hears_of_the_end(proxy, tmp_path, settings):
    port, data = servers.free_port(), tmp_path / "redis"
    keep = ("--appendonly", "yes", "--appendfsync", "always")
    server = servers.redis_server(port, data, *keep).wait_ready()
    url = f"redis://127.0.0.1:{port}/0"
    _, api = proxy(REDIS_URL=url)
    job_id = post(api)
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(api.get, f"/job/{job_id}", params={"wait": 20})
        server.kill()
        server = servers.redis_server(port, data, *keep).wait_ready()
        consumer = Consumer(settings().model_copy(update={"redis_url": url}), "test")
        consumer.finish(consumer.claim(5), [SEVEN])
        answer = wait.result()
    assert answer.json().get("label") == "7" or answer.status_code == 503
    assert api.get(f"/job/{job_id}").json()["label"] == "7"
    server.stop()


def test_told_to_stop_it_lets_go_of_all_who_wait(proxy):
    program, api = proxy()
    job_id = post(api)
    with ThreadPoolExecutor(2) as pool:
        wait = pool.submit(api.get, f"/job/{job_id}", params={"wait": 30})
        stream = pool.submit(events, api, job_id, lambda: os.kill(program.pid, signal.SIGTERM))
        program.wait(10)
        assert (wait.result().status_code, wait.result().json()["status"]) == (202, "pending")
        assert [event["status"] for event in stream.result()[1]] == ["pending"]
    assert "Traceback" not in program.log.read_text()


def test_the_last_answer_on_a_connection_says_that_it_is_the_last(proxy):
    program, api = proxy()
    with socket.create_connection((api.base_url.host, api.base_url.port)) as caller:
        closing = []
        while not any(closing):
            caller.sendall(b"GET /label HTTP/1.1\r\nhost: test\r\n\r\n")
            answer = http.client.HTTPResponse(caller)
            answer.begin()
            assert (answer.status, bool(answer.read())) == (200, True)
            closing.append(answer.will_close)
            if len(closing) == 10:
                os.kill(program.pid, signal.SIGTERM)
        assert caller.recv(1) == b""  # an orderly end, and no reset
    assert len(closing) > 10
    program.wait(10)


def test_registering_in_the_background_answers_first(proxy, worker):
    _, api = proxy(REGISTER="background")
    image = png()
    job_id = post(api, image)
    worker()
    wait_until(lambda: api.get(f"/job/{job_id}").json().get("label") == label_of(image), 20)


def test_registering_in_the_background_loses_what_redis_does_not_take(proxy):
    program, api = proxy(REGISTER="background", REDIS_URL=f"redis://127.0.0.1:{servers.free_port()}/0")
    job_id = post(api)
    wait_until(lambda: f"job {job_id} was answered with 202 and is lost" in program.log.read_text())


def test_a_model_that_is_not_there_ends_it_with_one_line():
    argv = [sys.executable, "-m", *PROXY, "--port", "0"]
    env = os.environ | {"MODEL_DIR": "/nowhere"}
    ended = subprocess.run(argv, env=env, check=False, capture_output=True, text=True)
    assert ended.returncode != 0
    assert ended.stderr == "MODEL_DIR: /nowhere holds no model version; build one with `make models`\n"
