"""Webhooks from a real program to a real receiver."""

import base64
import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from asynchronous.callbacks.hosts import is_public
from asynchronous.dead_letters.stream import DeadLetters
from local.processes import ROOT, wait_until
from local.servers import accepts, free_port

from ..conftest import PNG, SEVEN, launch_proxy, png, post, run_step

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Receiver:
    def __init__(self, start, port, file):
        self.url, self._file = f"http://localhost:{port}", file
        argv = [sys.executable, "-m", "tests.asynchronous.callbacks.receiver", str(port), str(file), SECRET]
        start("receiver", argv, lambda: accepts(port))

    def messages(self, path=""):
        lines = self._file.read_text().split("\n")[:-1] if self._file.exists() else []  # the last may be incomplete
        return [message for message in map(json.loads, lines) if message["path"].startswith(path)]


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture
def receiver(start, port, tmp_path):
    return Receiver(start, port, tmp_path / "received")


@pytest.fixture
def callbacks(start, redis_url, receiver, tmp_path):
    """Start the program that delivers, with a short pause after an attempt that failed."""
    (tmp_path / "secret").write_text(SECRET)

    def run(argv=("-m", "asynchronous.callbacks"), **env):
        env = {
            "REDIS_URL": redis_url,
            "CALLBACK_HOSTS": receiver.url,
            "CALLBACK_PRIVATE": "true",
            "CALLBACK_SECRET_FILE": str(tmp_path / "secret"),
            "CALLBACK_FIRST_PAUSE": "0.1",
            "CALLBACK_TIMEOUT": "30",
        } | env
        return start("callbacks", [sys.executable, *argv], env=env)

    return run


@pytest.fixture(scope="module")
def allowing(preloaded, port, tmp_path_factory, redis_port):
    """A client of a proxy that takes URLs of the receiver, by two names."""
    hosts = f"http://localhost:{port},http://127.0.0.1:{port}"
    env = {"REDIS_URL": f"redis://127.0.0.1:{redis_port}/0", "CALLBACK_HOSTS": hosts}
    program, client = launch_proxy(preloaded, tmp_path_factory.mktemp("proxy"), **env)
    yield client
    client.close()
    program.stop()


@pytest.fixture
def submit(allowing, receiver, redis_url):
    """Post an image with a URL of the receiver, and return its job's id."""

    def submit(path, url=receiver.url, **headers):
        answer = allowing.post("/predict", params={"callback_url": url + path}, content=png(), headers=PNG | headers)
        assert answer.status_code == 202, answer.text
        return answer.json()["job_id"]

    submit.api, submit.other = allowing, receiver.url.replace("localhost", "127.0.0.1")
    return submit


def test_a_signed_webhook_delivers_the_jobs_end(callbacks, submit, receiver, finish):
    job_id = submit("/ok")
    finish(SEVEN)
    callbacks()
    wait_until(receiver.messages, 60)
    [message] = receiver.messages()
    assert (message["type"], message["data"]["label"], message["id"]) == ("job.done", "7", f"msg_{job_id}")
    assert message["host"] == receiver.url.removeprefix("http://")


def test_each_end_is_in_the_stream_whether_or_not_there_is_a_url(submit, api, finish, store):
    done, cancelled = submit("/ok"), post(api)
    assert api.delete(f"/job/{cancelled}").status_code == 204
    finish(SEVEN)
    ends = {job_id: status for _, entry in store.xrange("jobs_ended") for job_id, status in entry.items()}
    assert ends == {done: "done", cancelled: "cancelled"}
    assert store.ttl("jobs_ended") > 3600


def test_a_failure_is_tried_again_and_at_last_a_dead_letter_that_can_be_retried(
    callbacks, submit, receiver, finish, store, redis_url, preloaded
):
    flaky, failing = submit("/flaky"), submit("/fail")
    finish(SEVEN, SEVEN)
    callbacks(CALLBACK_ATTEMPTS="3")
    wait_until(lambda: store.xlen("jobs_undelivered") == 1 and store.zcard("jobs_callbacks") == 0, 120)
    assert Counter(message["id"] for message in receiver.messages()) == {f"msg_{flaky}": 2, f"msg_{failing}": 3}
    command, env = [sys.executable, "-m", "asynchronous.callbacks"], {"REDIS_URL": redis_url}
    listed = preloaded.run([*command, "list"], env=env).stdout
    assert (json.loads(listed)["job_id"], json.loads(listed)["reason"]) == (failing, "the answer was 500")
    preloaded.run([*command, "retry", failing], env=env).check_returncode()
    wait_until(lambda: len(receiver.messages("/fail")) > 3, 120)


def test_the_metrics_count_what_was_delivered_retried_and_given_up(callbacks, submit, receiver, finish, store):
    for path in ("/ok", "/flaky", "/fail"):
        submit(path)
    finish(*[SEVEN] * 3)
    callbacks(CALLBACK_ATTEMPTS="3")
    wait_until(lambda: store.xlen("jobs_undelivered") == 1 and store.zcard("jobs_callbacks") == 0, 60)
    lines = [line for line in submit.api.get("/metrics").text.splitlines() if line.startswith("jobs_callbacks_total")]
    outcomes = {"delivered": 2.0, "retried": 3.0, "dead": 1.0}
    assert lines == [f'jobs_callbacks_total{{outcome="{name}"}} {value}' for name, value in outcomes.items()]


def test_what_a_killed_program_had_begun_is_delivered_by_the_next(callbacks, submit, receiver, finish, store):
    jobs = [submit("/ok") for _ in range(20)]
    program = callbacks()
    finish(*[SEVEN] * 20)
    wait_until(receiver.messages, 60)
    program.kill()
    for job_id in store.zrange("jobs_callbacks", 0, -1):
        store.zadd("jobs_callbacks", {job_id: 1})  # the lease of the killed program lapses
    callbacks()
    wait_until(lambda: {message["data"]["job_id"] for message in receiver.messages()} == set(jobs), 60)
    wait_until(lambda: store.zcard("jobs_callbacks") == 0, 60)


def test_the_heartbeat_goes_on_while_the_program_works_and_while_redis_is_away(callbacks, tmp_path):
    heartbeat = tmp_path / "heartbeat"
    callbacks(HEARTBEAT_FILE=str(heartbeat), REDIS_URL="redis://127.0.0.1:1/0")
    wait_until(heartbeat.exists, 60)
    heartbeat.unlink()
    wait_until(heartbeat.exists, 60)


def test_a_slow_receiver_delays_no_other(callbacks, submit, receiver, finish):
    for _ in range(12):
        submit("/slow")
    finish(*[SEVEN] * 12)
    twelve_at_once = "from asynchronous.callbacks import delivery; delivery.IN_FLIGHT = 12"
    argv = ["-c", f"{twelve_at_once}; from asynchronous.callbacks.__main__ import main; main()"]
    callbacks(argv, CALLBACK_HOSTS=f"{receiver.url},{submit.other}", CALLBACK_FIRST_PAUSE="60")
    wait_until(lambda: len(receiver.messages("/slow")) >= 8, 60)
    quick = submit("/ok", submit.other)
    finish(SEVEN)
    wait_until(lambda: receiver.messages("/ok"), 60)
    assert len(receiver.messages("/slow")) <= 8
    assert receiver.messages("/ok")[0]["data"]["job_id"] == quick


def test_deliveries_that_wait_for_a_slow_receiver_are_not_read_again_and_again(
    callbacks, submit, receiver, finish, store
):
    for _ in range(30):
        submit("/slow")
    finish(*[SEVEN] * 30)
    store.config_resetstat()
    callbacks(CALLBACK_TIMEOUT="2", CALLBACK_FIRST_PAUSE="60")
    wait_until(lambda: len(receiver.messages("/slow")) >= 24, 60)  # the next start as soon as these are given up
    assert store.info("commandstats")["cmdstat_hgetall"]["calls"] <= 30 + len(receiver.messages("/slow"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://evil.example/", "is not among CALLBACK_HOSTS"),
        ("https://localhost:1/", "is not among CALLBACK_HOSTS"),
        ("http://user@localhost/", "without user, password"),
        ("http://localhost\\@evil.example/", "printable ASCII"),
        ("http://localhost/ x", "printable ASCII"),
        ("file:///etc/passwd", "must be https://HOST/PATH"),
        ("", "printable ASCII"),
    ],
)
def test_a_url_that_is_not_allowed_is_refused_with_the_job(submit, store, url, reason):
    answer = submit.api.post("/predict", params={"callback_url": url}, content=png(), headers=PNG)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("callback_url: ")
    assert reason in answer.json()["detail"]
    assert store.keys("*_job") == []


def test_a_host_that_only_the_proxy_knows_yet_is_tried_again(callbacks, submit, receiver, finish, store):
    job_id = submit("/ok")
    finish(SEVEN)
    program = callbacks(CALLBACK_HOSTS="http://127.0.0.1:1")
    wait_until(lambda: "CALLBACK_HOSTS" in (store.hget(f"{job_id}_job", "callback_reason") or ""), 60)
    assert store.xlen("jobs_undelivered") == 0
    program.stop()
    callbacks()
    wait_until(lambda: receiver.messages("/ok"), 60)


def test_a_host_with_a_private_address_is_not_connected_to(callbacks, submit, receiver, finish, store):
    submit("/ok")
    finish(SEVEN)
    callbacks(CALLBACK_PRIVATE="false")
    wait_until(lambda: store.xlen("jobs_undelivered") == 1, 60)
    [(_, letter)] = store.xrange("jobs_undelivered")
    assert "which is not public" in letter["reason"]
    assert receiver.messages() == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:10.0.0.1",
        "fe80::1%eth0",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "::10.0.0.1",
        "::ffff:0:10.0.0.1",
        "fec0::1",
        "fc00::1",
        "100.64.0.1",
        "224.0.0.1",
    ],
)
def test_addresses_of_private_networks_are_known(address):
    assert not is_public(address)
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


def test_a_url_and_a_key_are_kept_with_one_job(submit, finish, store):
    first = submit("/ok", **{"Idempotency-Key": "a"})
    assert store.hget(f"{first}_job", "callback_url").endswith("/ok")
    assert "callback_url" not in submit.api.get(f"/job/{first}").json()


def test_a_replayed_job_is_delivered_to_where_the_first_was(submit, finish, store, settings):
    job_id = submit("/ok")
    store.hset(f"{job_id}_job", "expires_at", 0)
    assert submit.api.get(f"/job/{job_id}").status_code == 410
    letters = DeadLetters(settings())
    [new] = [letters.replay(letter) for letter in letters]
    assert store.hget(f"{new}_job", "callback_url") == store.hget(f"{job_id}_job", "callback_url")


def test_while_a_secret_is_replaced_each_webhook_is_signed_with_both(callbacks, submit, receiver, finish, tmp_path):
    submit("/ok")
    finish(SEVEN)
    program = callbacks()
    program.stop()
    (tmp_path / "secret").write_text(f"whsec_{base64.b64encode(bytes(32)).decode()}\n{SECRET}\n")
    callbacks(argv=["-m", "asynchronous.callbacks"])
    wait_until(lambda: receiver.messages("/ok"), 60)


def test_names_that_are_looked_up_in_vain_delay_no_other(callbacks, submit, receiver, finish):
    for _ in range(8):
        submit("/ok")
    finish(*[SEVEN] * 8)
    hang = (
        "import socket, time; look_up = socket.getaddrinfo; "
        "socket.getaddrinfo = lambda host, *rest, **more: "
        "time.sleep(300) if host == 'localhost' else look_up(host, *rest, **more); "
        "from asynchronous.callbacks.__main__ import main; main()"
    )
    program = callbacks(["-c", hang], CALLBACK_HOSTS=f"{receiver.url},{submit.other}", CALLBACK_TIMEOUT="30")
    submit("/other", submit.other)
    finish(SEVEN)
    wait_until(lambda: receiver.messages("/other"), 25)
    program.kill()


def test_a_cluster_that_is_away_ends_the_list_with_one_line(preloaded):
    env = {"REDIS_URL": "redis+cluster://127.0.0.1:1", "QUEUE": "{jobs}"}
    ended = preloaded.run([sys.executable, "-m", "asynchronous.callbacks", "list"], env=env)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith("Redis: not available (")


def test_a_program_with_shorter_lifetimes_leaves_ends_that_one_with_longer_lifetimes_needs(put, settings, store):
    now = int(store.time()[0])
    for number in range(250):
        store.xadd("jobs_ended", {"a": "done"}, id=f"{now - 3000}000-{number}")
    store.expire("jobs_ended", 2 * 3900 - 3000)  # as a program with the default lifetimes has left it
    short = settings(job_lifetime=30, result_lifetime=30)
    [job_id] = put(png())
    run_step(store, short, "cancel", job_id, jobs=[job_id])
    assert store.xlen("jobs_ended") == 251
    store.expire("jobs_ended", 60)  # now nobody needs them
    [job_id] = put(png())
    run_step(store, short, "cancel", job_id, jobs=[job_id])
    assert store.xlen("jobs_ended") < 100


def test_a_wrong_secret_ends_the_program_in_one_line(callbacks, tmp_path):
    program = callbacks()
    program.stop()
    (tmp_path / "secret").write_text("whsec_short")
    program = subprocess.run(
        [sys.executable, "-m", "asynchronous.callbacks"],
        env=os.environ | {"CALLBACK_SECRET_FILE": str(tmp_path / "secret")},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert program.returncode == 1
    assert program.stderr.splitlines()[-1].startswith("wrong settings: CALLBACK_SECRET_FILE: ")
