"""The composed stack under its own project name, with free ports and new passwords; nothing remains after the tests."""

import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

import redis

from local.processes import ROOT, wait_until
from local.servers import free_port

PORTS = ("WEB_SINGLE", "ASYNCHRONOUS", "BATCH", "SERVING_GRPC", "SERVING_REST", "REDIS", "MYSQL")
FILES = ["-f", "docker-compose.yml", "-f", "tests/e2e/compose.yml"]
# A container's main process cannot be killed from inside the container. `docker kill` counts as an intended stop, after
# which no restart policy applies. A SIGKILL from the host's process namespace counts as a crash.
CRASH = ["run", "--rm", "--pid=host", "--network=none", "--cap-drop=ALL", "--cap-add=KILL", "--user=0"]
KILLER = "serving-patterns/batch:0.1.0"


class Composed:
    """One `docker compose` project, with its secrets in `folder`."""

    cluster = None
    receiver_url = ""  # nothing outside of the project receives callbacks

    def __init__(self, folder: Path) -> None:
        self.project = f"e2e-{os.getpid()}"
        self.ports = {name: free_port() for name in PORTS}
        self.password = secrets.token_urlsafe(18)
        self._redis_password, root = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
        passwords = {"mysql_password": self.password, "mysql_root_password": root}
        for name, value in (passwords | {"redis_password": self._redis_password}).items():
            (folder / name).write_text(value)
            (folder / name).chmod(0o644)
        self._env = os.environ | {f"{name}_PORT": str(port) for name, port in self.ports.items()}
        self._env |= {"SECRETS_DIR": str(folder), "BATCH_SEED_ROWS": "500"}

    @property
    def proxy_url(self) -> str:
        return self.url("ASYNCHRONOUS")

    def store(self) -> redis.Redis:
        """Return a client of the Redis that holds the jobs."""
        login = {"username": "jobs", "password": self._redis_password}
        return redis.Redis(port=self.ports["REDIS"], decode_responses=True, socket_timeout=5, **login)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def compose(self, *arguments: str, seconds: float = 300) -> str:
        """Run `docker compose` for all profiles and return what it prints."""
        command = ["docker", "compose", "-p", self.project, *FILES, "--profile", "all", *arguments]
        done = subprocess.run(
            command, check=False, cwd=ROOT, env=self._env, capture_output=True, text=True, timeout=seconds
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr[-2000:]}"
        return done.stdout

    def run(self, *command: str) -> str:
        """Start `command` in a container of the batch job; return the container's name."""
        return self.compose("run", "--detach", "--no-deps", "batch-job", *command).split()[-1]

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--all", "--quiet", service).split()

    def crash(self, container: str) -> None:
        """Kill the main process with SIGKILL, so that the engine sees a crash."""
        pid = inspect(container)["State"]["Pid"]
        assert pid > 0, f"{container} is not running"
        docker(*CRASH, KILLER, "python", "-c", f"import os; os.kill({pid}, 9)")

    def crash_service(self, service: str) -> None:
        """Kill a service's first container and wait until the engine has restarted it."""
        (container, *_) = self.containers(service)
        before = inspect(container)["RestartCount"]
        self.crash(container)
        wait_until(lambda: inspect(container)["RestartCount"] > before, 30, f"{service} to be restarted")

    def healthy(self, service: str) -> bool:
        """Return whether every container of a service is healthy by its own check."""
        states = [inspect(container)["State"] for container in self.containers(service)]
        return bool(states) and all(state.get("Health", {}).get("Status") == "healthy" for state in states)

    def left(self) -> list[str]:
        """Return the containers, volumes and networks of this project that still exist."""
        label = ("--quiet", "--filter", f"label=com.docker.compose.project={self.project}")
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return [name for kind in kinds for name in docker(*kind, *label).split()]


def docker(*arguments: str) -> str:
    command = ["docker", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600).stdout


def inspect(container: str) -> dict[str, Any]:
    """Return the engine's description of a container."""
    found: dict[str, Any] = json.loads(docker("inspect", container))[0]
    return found
