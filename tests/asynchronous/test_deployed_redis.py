"""The Redis of docker-compose.yml and of k8s/, started with their own commands."""

import shlex
import subprocess

import pytest
import redis

from asynchronous.settings import Settings
from local import servers
from local.processes import Program

from .. import containers, manifests
from .acl import PASSWORD, RULE
from .conftest import SEVEN, Consumer, Queue

COMMANDS = {
    "docker-compose.yml": containers.SERVICES["redis"]["command"][-1].replace("$$", "$"),
    "k8s/redis.yaml": manifests.CONTAINERS["redis/redis"][1]["command"][-1],
}


@pytest.mark.parametrize("file", COMMANDS)
def test_redis_admits_nobody_without_a_password_and_jobs_with_the_password_of_the_secret(file, tmp_path, monkeypatch):
    (tmp_path / "password").write_text(PASSWORD)
    port, program = servers.free_port(), servers.redis_of_tools(tmp_path)
    script = COMMANDS[file]
    for path in ("/run/secrets/redis_password", "/run/secrets/redis/password"):
        script = script.replace(path, str(tmp_path / "password"))
    script = script.replace("exec redis-server", f"exec {program} --bind 127.0.0.1 --port {port} --dir {tmp_path}")
    server = Program("redis", ["sh", "-c", script], lambda: servers.redis_answers(port), tmp_path / "log").wait_ready()
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(tmp_path / "password"))
    try:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).get("a")
        settings = Settings(redis_url=f"redis://jobs@127.0.0.1:{port}/0")
        queue, one = Queue(settings), Consumer(settings, "a")
        job_id = queue.put()
        one.finish(one.claim(1), [SEVEN])
        assert queue.read(job_id).label == "7"
    finally:
        server.stop()


@pytest.mark.parametrize("file", COMMANDS)
def test_its_user_has_the_permissions_that_the_readme_lists(file):
    user = shlex.split(COMMANDS[file].partition("--user jobs on")[2])
    assert " ".join(user[1:]) == RULE


def test_the_health_check_of_compose_is_a_shell_command():
    kind, command = containers.SERVICES["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    assert subprocess.run(["sh", "-n", "-c", command], check=True).returncode == 0
