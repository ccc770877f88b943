"""The programs of a chaos run: each is killed without warning, and started again with the same settings and ports."""

import base64
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import redis as client

from local import servers
from local.processes import Program, uninterrupted, wait_until
from local.stack import ARTIFACTS, DURABLE, PROXY

from .acl import PASSWORD, RULE, USER
from .conftest import children
from .failing_cluster import FailingCluster
from .outcomes import Outcome

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
LEASE = 3  # seconds: short, so that the jobs of a killed worker are soon claimed by another


class Programs:
    """Redis, TensorFlow Serving's stand-in, proxy and worker; as a context manager it leaves nothing running."""

    def __init__(self, folder: Path, redis: str = "single", start: Callable[..., Program] = Program) -> None:
        self._start_program = start
        self._folder, self._acl = folder, ["--user", USER, "on", f">{PASSWORD}", *RULE.split()] * (redis == "acl")
        self.cluster = FailingCluster(folder, "{jobs}") if redis == "cluster" else None
        ports = [servers.free_port() for _ in range(5)]
        self.redis_port, self._grpc_port, self._rest_port, proxy_port, self._receiver_port = ports
        self.receiver_url, self.received = f"http://localhost:{self._receiver_port}", folder / "received"
        self.serving_grpc, self.proxy_url = f"127.0.0.1:{self._grpc_port}", f"http://127.0.0.1:{proxy_port}"
        self._settings = {
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "SERVING_GRPC": self.serving_grpc,
            "MODEL_DIR": str(ARTIFACTS / "digits"),
            "WORKER_PROCESSES": "2",
            "LEASE": str(LEASE),
            "CALLBACK_HOSTS": self.receiver_url,
            "CALLBACK_PRIVATE": "true",
            "CALLBACK_SECRET_FILE": str(folder / "secret"),
        }
        (folder / "secret").write_text(SECRET)
        if redis == "acl":
            (folder / "password").write_text(PASSWORD)
            self._settings["REDIS_URL"] = f"redis://{USER}@127.0.0.1:{self.redis_port}/0"
            self._settings["REDIS_PASSWORD_FILE"] = str(folder / "password")
        if self.cluster:
            hosts = ",".join(f"127.0.0.1:{port}" for port in self.cluster.ports)
            self._settings |= {"REDIS_URL": f"redis+cluster://{hosts}", "QUEUE": "{jobs}"}
        self._proxy_argv = [*PROXY, "--port", str(proxy_port)]
        self._running: dict[str, Program] = {}

    def store(self) -> client.Redis:
        """Return a client of the Redis that holds the jobs."""
        port = (self.cluster.owner() or self.cluster.ports[0]) if self.cluster else self.redis_port
        return client.Redis(port=port, decode_responses=True, socket_timeout=5)

    def start(self, kind: str) -> Program:
        """Start one of them by its name, for the first time or again; it may not be ready yet."""
        with uninterrupted():
            if kind in self._running and not (kind == "redis" and self.cluster):
                self._running[kind].stop()  # it is dead, but its child processes may not have ended yet
            self._running[kind] = self._start(kind)
        return self._running[kind]

    def _start(self, kind: str) -> Program:
        if kind == "redis" and self.cluster:
            return self.cluster.start()
        if kind == "redis":
            return servers.redis_server(self.redis_port, self._folder / "redis", *DURABLE, *self._acl)
        log = self._folder / f"{kind}.log"
        if kind == "serving":
            return servers.serving(self._grpc_port, self._rest_port, ARTIFACTS / "digits", log, self._start_program)
        ready, argv = (lambda: True), [f"asynchronous.{kind}"]
        if kind == "proxy":
            ready, argv = (lambda: servers.answers(f"{self.proxy_url}/ready")), self._proxy_argv
        if kind == "receiver":
            argv = ["tests.asynchronous.callbacks.receiver", str(self._receiver_port), str(self.received), SECRET]
            ready = partial(servers.accepts, self._receiver_port)
        return self._start_program(kind, [sys.executable, "-m", *argv], ready, log, self._settings)

    def kill(self, kind: str, chance: random.Random) -> int:
        """SIGKILL a program, or one `child` of the worker; return the id of the process."""
        if kind == "redis" and self.cluster:
            return self.cluster.kill()
        if kind != "child":
            self._running[kind].kill()
            return self._running[kind].pid
        worker = self._running["worker"].pid
        wait_until(lambda: children(worker), what="the worker's children")
        child = chance.choice(children(worker))
        os.kill(child, signal.SIGKILL)
        return child

    def deliveries(self) -> dict[str, list[Outcome]]:
        """Return what the receiver got so far, for each job."""
        found: dict[str, list[Outcome]] = {}
        lines = self.received.read_text().split("\n")[:-1] if self.received.exists() else []  # the last is incomplete
        for data in (json.loads(line)["data"] for line in lines):
            found.setdefault(data["job_id"], []).append(Outcome.of_job(data))
        return found

    def wait_ready(self) -> None:
        """Return when all started programs are ready."""
        for program in self._running.values():
            program.wait_ready(180)  # several programs start at once, perhaps on a busy machine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with uninterrupted(), contextlib.suppress(KeyError):
            if self.cluster:
                self.cluster.stop()
            while True:
                self._running.popitem()[1].stop()
