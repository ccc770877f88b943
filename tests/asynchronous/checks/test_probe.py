"""What a job needs is tried before a job is accepted, and before a worker claims one."""

import asyncio
import time
from contextlib import aclosing

import pytest

from asynchronous.checks.redis_errors import RedisMisconfigured
from asynchronous.job_queue import JobQueue
from asynchronous.keys import Keys
from asynchronous.settings import Settings
from local import servers
from local.processes import wait_until

from ..acl import RULE
from ..conftest import Consumer, png, post

# Only connections, the start-up checks, and a Redis that has lost the script need these.
NOT_PROBED = {"+ping", "+hello", "+select", "+client|setname", "+info", "+acl|dryrun", "+unsubscribe", "+script|load"}


def refusals(chosen):
    """What the proxy and a worker are told."""

    async def probe():
        queue = JobQueue(chosen)
        async with aclosing(queue.redis):
            await queue.run("probe", "a" * 32, jobs=["a" * 32])

    for use in (lambda: asyncio.run(probe()), lambda: Consumer(chosen, "a")):
        with pytest.raises(RedisMisconfigured) as refusal:
            use()
        yield str(refusal.value)


@pytest.fixture
def user(store, redis_port, settings):
    """Return a function that gives a user all permissions of REDIS.md but one; it returns the user's settings."""

    def without(part=""):
        rule = [each for each in RULE.split() if each != part]
        store.execute_command("ACL", "SETUSER", "app", "reset", "on", ">secret", *rule)
        return settings().model_copy(update={"redis_url": f"redis://app:secret@127.0.0.1:{redis_port}/0"})

    yield without
    store.acl_deluser("app")


@pytest.mark.parametrize("part", sorted(set(RULE.split()) - NOT_PROBED))
def test_each_permission_that_is_missing_is_found_before_a_job_needs_it(user, store, part):
    for said in refusals(user(part)):
        assert "needs the permissions that REDIS.md lists" in said
    assert store.keys("*_job") == store.keys("*_image") == []


@pytest.mark.parametrize("key", Keys(Settings())._shared)
def test_each_key_that_another_application_has_is_found_and_left_alone(settings, store, key):
    store.set(key, "theirs")
    for said in refusals(settings()):
        assert "WRONGTYPE" in said
        assert "set QUEUE to another name" in said
    assert store.get(key) == "theirs"


@pytest.mark.parametrize("command", ["XCLAIM", "XINFO", "PUBLISH", "HINCRBY", "EVALSHA", "HELLO"])
def test_a_command_that_is_turned_off_is_named_and_no_password_is_shown(tmp_path, free_port, command):
    port = free_port()
    program = servers.redis_server(port, tmp_path, "--rename-command", command, "")
    try:
        wait_until(lambda: servers.accepts(port))
        for said in refusals(Settings(redis_url=f"redis://default:hunter2@127.0.0.1:{port}/0")):
            assert f"unknown command {command}" in said.replace("'", "")
            assert "hunter2" not in said
    finally:
        program.stop()


def test_a_worker_that_may_no_longer_claim_waits_without_haste_and_counts_no_attempt(user, proxy, worker, store, fake):
    chosen = user()
    _, api = proxy()
    program = worker(REDIS_URL=chosen.redis_url)
    wait_until(lambda: store.exists("jobs") and store.xinfo_consumers("jobs", "workers"), 120)
    store.execute_command("ACL", "SETUSER", "app", "-xpending")
    job_id = post(api, png())
    wait_until(lambda: "NOPERM" in program.log.read_text(), 120)
    before = store.info("commandstats")["cmdstat_xpending"]["rejected_calls"]
    time.sleep(1)
    assert store.info("commandstats")["cmdstat_xpending"]["rejected_calls"] - before < 10
    assert program.log.read_text().count("NOPERM") == 1
    user()
    wait_until(lambda: store.hget(f"{job_id}_job", "status") == "done", 120)
    assert store.hget(f"{job_id}_job", "attempts") == "1"
