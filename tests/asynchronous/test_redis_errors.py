"""Each error of Redis is transient, or an operator must act; nothing is lost by either."""

import threading
from contextlib import suppress

import pytest
import redis
from redis.exceptions import AuthenticationError, ConnectionError, ResponseError

from asynchronous.checks.redis_errors import RedisMisconfigured, explain_kind
from asynchronous.errors import RedisAway
from local.processes import wait_until

from .conftest import PNG, SEVEN, Consumer, end_of, png, post

# It ends before its time at SCRIPT KILL.
BUSY = "local e = redis.call('TIME')[1] + ARGV[1] while tonumber(redis.call('TIME')[1]) < tonumber(e) do end"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionError("Connection refused"), RedisAway),
        (TimeoutError(), RedisAway),
        (ResponseError("BUSY Redis is busy running a script"), RedisAway),
        (ResponseError("MISCONF Errors writing to the AOF file"), RedisAway),
        (ResponseError("max number of clients + cluster connections reached", status_code="ERR"), RedisAway),
        (AuthenticationError("invalid username-password pair", status_code="WRONGPASS"), RedisMisconfigured),
        (ResponseError("WRONGTYPE Operation against a key"), RedisMisconfigured),
        (ConnectionError("Error 1 connecting: [SSL: CERTIFICATE_VERIFY_FAILED]"), RedisMisconfigured),
        (ResponseError("TRYAGAIN Multiple keys request during rehashing of slot"), RedisAway),
        (ResponseError("LOADING Redis is loading the dataset in memory"), RedisAway),
        (ResponseError("NOREPLICAS Not enough good replicas to write."), RedisAway),
        (ConnectionError("No master found for 'main'"), RedisAway),
        (ConnectionError("No master found for 'main' : a:1 - auth:AuthenticationError('')"), RedisMisconfigured),
        (ConnectionError("Error 13 connecting to unix socket: /s. Permission denied."), RedisMisconfigured),
        (ResponseError("EXECABORT Transaction discarded because of previous errors."), RedisMisconfigured),
        (ResponseError("DENIED Redis is running in protected mode"), RedisMisconfigured),
        (ResponseError("an error that nobody has seen yet", status_code="ERR"), RedisMisconfigured),
    ],
)
def test_an_error_is_of_one_of_two_kinds_and_unknown_errors_are_not_transient(error, kind):
    assert type(explain_kind(error)) is kind
    assert "\n" not in str(explain_kind(error))


@pytest.fixture
def keep_busy(store, redis_port):
    """Let a script keep Redis busy; return a function that ends the script."""
    limit = store.config_get("lua-time-limit")["lua-time-limit"]
    store.config_set("lua-time-limit", 200)

    def run() -> None:
        with redis.Redis(port=redis_port, socket_timeout=300) as client, suppress(ResponseError):  # it is killed
            client.eval(BUSY, 0, 240)

    def is_busy() -> bool:
        try:
            return not store.ping()
        except ResponseError:
            return True

    def end() -> None:
        store.script_kill()
        thread.join()

    def begin():
        thread.start()
        wait_until(is_busy, what="Redis to be busy")
        return end

    thread = threading.Thread(target=run)
    yield begin
    if thread.is_alive():
        end()
    store.config_set("lua-time-limit", limit)


def test_while_another_application_keeps_redis_busy_callers_get_503_and_no_attempt_is_counted(
    proxy, worker, fake, keep_busy
):
    fake.held.touch()
    _, api = proxy()
    program, job_id = worker(), post(api, png("hold"))
    wait_until(fake.batches)
    end = keep_busy()
    fake.held.unlink()
    answers = [api.get(f"/job/{job_id}"), api.post("/predict", content=png(), headers=PNG), api.get("/ready")]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["detail"][:20] for answer in answers} == {"Redis: not available"}
    end()
    ended = end_of(api, job_id)
    assert (ended["status"], ended["attempts"], program.poll()) == ("done", 1, None)


@pytest.fixture
def without_channels(store, redis_port):
    """A user whom Redis allows everything but channels, which is its default for a new user."""
    store.acl_setuser("app", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"], reset_channels=True)
    yield f"redis://app:secret@127.0.0.1:{redis_port}/0"
    store.acl_deluser("app")


def test_a_user_without_channels_accepts_nothing_and_is_named_in_the_answer(proxy, without_channels, store):
    _, api = proxy(REDIS_URL=without_channels)
    for answer in (api.post("/predict", content=png(), headers=PNG), api.get("/ready")):
        assert (answer.status_code, answer.json()["detail"][:21]) == (503, "Redis: misconfigured:")
        assert "needs the permissions that REDIS.md lists" in answer.json()["detail"]
    assert store.keys("*_job") == []


def test_a_step_that_may_no_longer_publish_ends_its_jobs_nevertheless(make, without_channels, settings, store):
    queue, _ = make()
    job_id = queue.put()
    store.acl_setuser("app", enabled=True, channels=["*"])
    one = Consumer(settings().model_copy(update={"redis_url": without_channels}), "a")
    store.acl_setuser("app", enabled=True, reset_channels=True)
    one.finish(one.claim(1), [SEVEN])
    assert (queue.read(job_id).status, queue.read(job_id).attempts) == ("done", 1)


def test_a_key_of_another_application_is_reported_and_left_alone(proxy, worker, store, fake):
    store.rpush("jobs", "theirs")
    _, api = proxy()
    program = worker()
    for answer in (api.get("/ready"), api.post("/predict", content=png(), headers=PNG)):
        assert (answer.status_code, answer.json()["detail"][:31]) == (503, "Redis: misconfigured: WRONGTYPE")
    assert program.wait() == 1
    assert "set QUEUE to another name" in program.log.read_text().splitlines()[-1]
    assert store.keys() == ["jobs"]


@pytest.mark.parametrize("stream", ["jobs", "dead_letters", "jobs_undelivered"])
def test_a_stream_of_another_application_is_reported_and_left_alone(proxy, worker, store, fake, stream):
    store.xadd(stream, {"task": "send_mail"})
    _, api = proxy()
    program = worker()
    for answer in (api.get("/ready"), api.post("/predict", content=png(), headers=PNG)):
        assert (answer.status_code, answer.json()["detail"][:31]) == (503, "Redis: misconfigured: WRONGTYPE")
    assert program.wait() == 1
    assert "set QUEUE to another name" in program.log.read_text().splitlines()[-1]
    assert (store.keys(), store.xlen(stream), store.ttl(stream), store.xinfo_groups(stream)) == ([stream], 1, -1, [])


def test_a_worker_passes_over_an_entry_that_is_not_a_job(proxy, worker, store, fake):
    _, api = proxy()
    first = post(api)
    store.xadd("jobs", {"task": "send_mail"})
    second = post(api)
    worker(LEASE=1)
    wait_until(lambda: [store.hget(f"{job_id}_job", "status") for job_id in (first, second)] == ["done", "done"])
    wait_until(lambda: store.xpending("jobs", "workers")["pending"] == 0)
    assert store.xlen("jobs") == 1


def test_a_database_that_does_not_exist_ends_the_worker_with_one_line(worker, redis_port, fake):
    program = worker(REDIS_URL=f"redis://127.0.0.1:{redis_port}/99", WORKER_PROCESSES=2)
    assert program.wait() == 1
    assert "DB index is out of range" in program.log.read_text().splitlines()[-1]
    assert "Traceback" not in program.log.read_text()
