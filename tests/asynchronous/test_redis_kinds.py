"""The core on Redis and on Valkey, as a user who has no more permissions than REDIS.md lists."""

import subprocess
import sys

import pytest
import redis

from local import servers
from local.processes import ROOT, wait_until

from .acl import PASSWORD, RULE
from .conftest import PNG, Consumer, end_of, png, post


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """The ports of both servers, each with a user whose password would not be valid in a URL."""
    folder, ports, programs = tmp_path_factory.mktemp("kinds"), {}, []
    for kind, program in (("redis", servers.redis_of_tools(folder)), ("valkey", servers.valkey_of_wheel())):
        ports[kind] = servers.free_port()
        programs.append(servers.redis_server(ports[kind], folder / kind, program=program).wait_ready())
        with redis.Redis(port=ports[kind]) as client:
            client.execute_command("ACL", "SETUSER", "jobs", "on", f">{PASSWORD}", *RULE.split())
    yield ports
    for program in programs:
        program.stop()


@pytest.fixture(params=["redis", "valkey"])
def limited(request, started, tmp_path):
    """Environment variables for that user, and a client that may do anything."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    url = f"redis://jobs@127.0.0.1:{started[request.param]}/0"
    with redis.Redis(port=started[request.param], decode_responses=True) as client:
        client.flushall()
        client.execute_command("ACL", "LOG", "RESET")
        yield {"REDIS_URL": url, "REDIS_PASSWORD_FILE": str(tmp_path / "password")}, client


def denied(client):
    """What was refused, without the name and version of redis-py, which it tells where it may."""
    found = {(entry["reason"], entry["object"]) for entry in client.acl_log()}
    return found - {("command", "client|setinfo")}


def test_both_servers_are_what_they_should_be(started):
    found = {kind: redis.Redis(port=port).info("server") for kind, port in started.items()}
    assert found["redis"]["redis_version"].partition(".")[0] in ("7", "8")
    assert "valkey_version" not in found["redis"]
    assert found["valkey"]["valkey_version"].startswith("9.")


def test_a_job_is_posted_waited_for_cancelled_and_counted(limited, proxy, worker, fake):
    env, client = limited
    _, api = proxy(**env)
    cancelled = post(api)
    assert api.delete(f"/job/{cancelled}").status_code == 204
    keyed = [api.post("/predict", content=b"\x89PNG\r\n\x1a\n", headers=PNG | {"Idempotency-Key": "a"}) for _ in "ab"]
    image = png()
    job_id = post(api, image)
    worker(**env)
    assert end_of(api, job_id)["status"] == "done"
    assert len({answer.status_code for answer in keyed}) == 1
    assert api.get("/ready").status_code == 200
    assert 'jobs_ended_total{status="cancelled"} 1.0' in api.get("/metrics").text
    assert denied(client) == set()


def test_a_job_that_is_given_up_is_a_dead_letter_that_can_be_replayed(limited, proxy, worker, fake):
    env, client = limited
    _, api = proxy(**env)
    job_id = post(api, png("internal"))
    program = worker(MAX_ATTEMPTS=1, **env)
    assert end_of(api, job_id)["status"] == "failed"
    argv = [sys.executable, "-m", "asynchronous.dead_letters", "replay", job_id]
    replayed = subprocess.run(argv, env={**env, "PATH": ""}, cwd=ROOT, capture_output=True, text=True, check=True)
    wait_until(lambda: client.xlen("dead_letters") == 1, 120, "the replayed job to be given up")
    assert replayed.stdout.startswith(f"{job_id} replayed as ")
    assert (program.poll(), denied(client)) == (None, set())


def test_an_expired_job_and_a_lost_lease_are_handled(limited, settings, monkeypatch, proxy):
    env, client = limited
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    chosen = settings(lease=0.05).model_copy(update={"redis_url": env["REDIS_URL"]})
    _, api = proxy(**env)
    job_id = post(api)
    Consumer(chosen, "gone").claim(1)
    other = Consumer(chosen, "b")
    wait_until(lambda: other.claim(0.01), what="the lease to lapse")
    other.renew()
    client.hset(f"{job_id}_job", "expires_at", 0)
    assert api.get(f"/job/{job_id}", params={"wait": 8}).status_code == 410
    assert denied(client) == set()
