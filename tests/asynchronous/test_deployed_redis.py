"""The Redis of docker-compose.yml and of k8s/, started with their own commands."""

import asyncio
import shlex
import subprocess
import uuid
from contextlib import suppress

import pytest
import redis

from asynchronous.checks.dangers import look_at_redis
from asynchronous.errors import RedisAway
from asynchronous.settings import Settings
from local import servers
from local.processes import Program, wait_until

from .. import containers, manifests
from .acl import PASSWORD, RULE
from .conftest import SEVEN, Consumer, Queue, opened

COMMANDS = {
    "docker-compose.yml": containers.SERVICES["redis"]["command"][-1].replace("$$", "$"),
    "k8s/redis.yaml": manifests.CONTAINERS["redis/redis"][1]["command"][-1],
}


@pytest.fixture(params=["redis", "valkey"])
def program(request, tmp_path):
    return servers.redis_of_tools(tmp_path) if request.param == "redis" else servers.valkey_of_wheel()


class Deployed:
    """A Redis that is started with a command of ours, for its user `jobs`."""

    def __init__(self, command, program, folder):
        (folder / "password").write_text(PASSWORD)
        self.port, self._log = servers.free_port(), folder / "log"
        for path in ("/run/secrets/redis_password", "/run/secrets/redis/password"):
            command = command.replace(path, str(folder / "password"))
        where = f"exec {program} --bind 127.0.0.1 --port {self.port} --dir {folder}"
        self._argv = ["sh", "-c", command.replace("exec redis-server", where)]
        self.settings = Settings(redis_url=f"redis://jobs@127.0.0.1:{self.port}/0")
        self.start()

    def start(self):
        self.server = Program("redis", self._argv, lambda: servers.redis_answers(self.port), self._log).wait_ready()

    def kill_and_start(self):
        self.server.kill()
        self.start()


@pytest.fixture
def deploy(program, tmp_path, monkeypatch):
    started = []
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(tmp_path / "password"))

    def start(command):
        started.append(Deployed(command, program, tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.server.stop()


@pytest.mark.parametrize("file", COMMANDS)
def test_redis_admits_nobody_without_a_password_and_jobs_with_the_password_of_the_secret(file, deploy):
    deployed = deploy(COMMANDS[file])
    for user in ({}, {"username": "default", "password": ""}):
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=deployed.port, retry=None, **user).get("a")
    queue, one = Queue(deployed.settings), Consumer(deployed.settings, "a")
    job_id = queue.put()
    one.finish(one.claim(1), [SEVEN])
    assert queue.read(job_id).label == "7"


@pytest.mark.parametrize("file", COMMANDS)
def test_a_killed_redis_has_all_jobs_when_it_is_started_again(file, deploy):
    deployed = deploy(COMMANDS[file])
    queue, one = Queue(deployed.settings), Consumer(deployed.settings, "a")
    jobs = [queue.put() for _ in range(3)]
    one.finish(one.claim(1, count=1), [SEVEN])
    one.claim(1, count=1)
    deployed.kill_and_start()
    assert [queue.read(job_id).status for job_id in jobs] == ["done", "running", "pending"]
    assert look_at_redis(deployed.settings) == {}


@pytest.mark.parametrize("file", COMMANDS)
def test_a_password_that_is_replaced_is_used_when_redis_is_started_again(file, deploy, tmp_path):
    deployed = deploy(COMMANDS[file])
    one = Consumer(deployed.settings, "a")

    async def submit_before_and_after():
        async with opened(deployed.settings) as queue:
            await queue.submit(uuid.uuid4().hex, b"image")
            (tmp_path / "password").write_text("another")
            deployed.kill_and_start()
            await queue.submit(uuid.uuid4().hex, b"image")

    asyncio.run(submit_before_and_after())
    claims = []

    def all_are_claimed():
        with suppress(RedisAway):  # the connection broke
            claims.extend(one.claim(1))
        return len(claims) == 2

    wait_until(all_are_claimed)


def test_a_redis_whose_disabled_user_default_has_no_permissions_is_reported(deploy):
    command = COMMANDS["docker-compose.yml"].replace("default off '~*' '&*' +@all", "default off")
    assert list(look_at_redis(deploy(command).settings)) == ["restart"]


@pytest.mark.parametrize("file", COMMANDS)
def test_its_user_has_the_permissions_that_the_readme_lists(file):
    user = shlex.split(COMMANDS[file].partition("--user jobs on")[2])
    assert " ".join(user[1:]) == RULE


def test_the_health_check_of_compose_is_a_shell_command():
    kind, command = containers.SERVICES["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    assert subprocess.run(["sh", "-n", "-c", command], check=True).returncode == 0
