"""The real proxy and a real worker behind the gateway: waiting, and events as they happen."""

import json
import sys
import time

import pytest

from local.processes import wait_until
from local.servers import answers, free_port
from local.stack import PROXY

from .names import NameServer
from .running import Gateway

PNG = {"content-type": "image/png"}


@pytest.fixture
def proxy(start, redis_url, serving, artifacts, tmp_path):
    """The gateway in front of a proxy without a worker, and a function that starts the worker."""
    env = {"REDIS_URL": redis_url, "SERVING_GRPC": serving.grpc, "MODEL_DIR": str(artifacts / "digits")}
    port = free_port()
    argv = [sys.executable, "-m", *PROXY, "--port", str(port)]
    start("proxy", argv, lambda: answers(f"http://127.0.0.1:{port}/ready"), env)
    with NameServer() as names:
        names.addresses["proxy"] = ["127.0.0.1"]
        gateway = Gateway(tmp_path, NAMESERVER=names.address, ASYNCHRONOUS=f"proxy:{port}")
        gateway.wait_for("asynchronous")
        worker = [sys.executable, "-m", "asynchronous.worker"]
        yield gateway, lambda: start("worker", worker, env=env)
        gateway.program.stop()


def test_a_client_posts_follows_its_location_waits_and_gets_events_as_they_happen(proxy, digit_images):
    gateway, start_worker = proxy
    with gateway.client(gateway.key, **PNG) as client:
        accepted = client.post("/asynchronous/predict", content=digit_images[0].data)
        location = accepted.headers["location"]
        assert (accepted.status_code, location) == (202, f"/asynchronous/job/{accepted.json()['job_id']}")
        before = time.monotonic()
        assert client.get(f"{location}?wait=2").json()["status"] == "pending"
        assert time.monotonic() - before >= 2
        with client.stream("GET", f"{location}/events") as events:
            states = (json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: "))
            assert next(states)["status"] == "pending"  # it arrives although nothing follows yet
            start_worker()
            *_, last = states
        assert (last["status"], last["label"]) == ("done", digit_images[0].label)


def test_a_second_post_with_the_same_idempotency_key_is_the_same_job(proxy, digit_images):
    gateway, _ = proxy
    with gateway.client(gateway.key, **PNG, **{"idempotency-key": "once"}) as client:
        ids = {client.post("/asynchronous/predict", content=digit_images[0].data).json()["job_id"] for _ in range(2)}
    assert len(ids) == 1


def test_the_reason_for_503_is_the_services_own_while_redis_is_away(start, artifacts, tmp_path):
    port = free_port()
    env = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "MODEL_DIR": str(artifacts / "digits")}
    argv = [sys.executable, "-m", *PROXY, "--port", str(port)]
    start("proxy", argv, lambda: answers(f"http://127.0.0.1:{port}/health"), env)
    with NameServer() as names:
        names.addresses["proxy"] = ["127.0.0.1"]
        gateway = Gateway(tmp_path, NAMESERVER=names.address, ASYNCHRONOUS=f"proxy:{port}")
        target = f"/asynchronous/job/{'0' * 32}"
        try:
            wait_until(lambda: b"edis" in gateway.ask(target)[1], what="the service's own answer")
            assert gateway.ask(target)[0] == 503
        finally:
            gateway.program.stop()
