import hashlib
import io
import itertools
import json
import os
import random
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis
from PIL import Image

from asynchronous.keys import steps
from asynchronous.settings import Settings
from local.processes import Program, wait_until
from local.servers import accepts, answers, free_port
from local.stack import PROXY


def png(order: str = "") -> bytes:
    """A small PNG like no other, followed by what the fake serving program is to do with it."""
    pixels = random.randbytes(64)
    file = io.BytesIO()
    Image.frombytes("L", (8, 8), pixels).save(file, "PNG")
    return file.getvalue() + (f"#!{order}".encode() if order else b"")


def label_of(image: bytes) -> str:
    """What the fake serving program answers."""
    return hashlib.sha256(image).hexdigest()[:16]


class FakeServing:
    """A serving program that does what the images say; `away` is a file, and while it exists nothing is served."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self.target, self._folder = f"127.0.0.1:{self._port}", folder
        self._seen, self.away = folder / "seen", folder / "away"
        self.start()

    def start(self) -> None:
        argv = [
            sys.executable,
            "-m",
            "tests.asynchronous.fake_serving",
            str(self._port),
            str(self._seen),
            str(self.away),
        ]
        self.program = Program("fake serving", argv, lambda: accepts(self._port), self._folder / "log").wait_ready()

    def restart_after_crash(self) -> None:
        wait_until(lambda: self.program.poll() is not None, 20, "the serving program to crash")
        self.start()

    def reset(self) -> None:
        self.away.unlink(missing_ok=True)
        self._seen.unlink(missing_ok=True)
        if self.program.poll() is not None:
            self.start()

    def batches(self) -> list[list[str]]:
        """The labels of the images of each call, in order of arrival."""
        return [json.loads(line) for line in self._seen.read_text().splitlines()] if self._seen.exists() else []

    def saw(self, image: bytes) -> int:
        return sum(batch.count(label_of(image)) for batch in self.batches())


@pytest.fixture(scope="session")
def one_fake(tmp_path_factory) -> Iterator[FakeServing]:
    fake = FakeServing(tmp_path_factory.mktemp("fake_serving"))
    yield fake
    fake.program.stop()


@pytest.fixture
def fake(one_fake) -> FakeServing:
    one_fake.reset()
    return one_fake


@pytest.fixture
def settings(redis_url):
    """Settings for parts that are used in the test's own process."""
    return lambda **changes: Settings(redis_url=redis_url, **changes)


@pytest.fixture
def store(redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def put(settings, store):
    """Hand images in as the proxy does and return their job ids."""

    def put(*images: bytes, **limits):
        script = store.register_script(steps(settings(**limits)))
        jobs = [[uuid.uuid4().hex, image, "", ""] for image in images]
        return script(args=["submit", *itertools.chain(*jobs)])

    return put


@pytest.fixture
def record(store):
    return lambda job_id: store.hgetall(f"{job_id}_job")


@pytest.fixture
def settle(store, record):
    """Wait until all jobs have ended; return their records."""

    def settle(ids, seconds=30):
        wait_until(lambda: store.xlen("jobs") == 0, seconds, "the queue to be worked empty")
        return [record(job_id) for job_id in ids]

    return settle


@pytest.fixture
def worker(start, redis_url, request):
    """Start a real worker: `worker("--burst", LEASE=1)`; it calls the fake serving program unless told otherwise."""

    def run(*flags: str, **env: object):
        if "SERVING_GRPC" not in env:
            env["SERVING_GRPC"] = request.getfixturevalue("fake").target
        env = {"REDIS_URL": redis_url, "WORKER_PROCESSES": 1} | env
        argv = [sys.executable, "-m", "asynchronous.worker", *flags]
        return start("worker", argv, lambda: True, {name: str(value) for name, value in env.items()})

    return run


def launch_proxy(folder: Path, **env: object) -> tuple[Program, httpx.Client]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", *PROXY, "--port", str(port)]
    env = {name: str(value) for name, value in env.items()}
    program = Program("proxy", argv, lambda: answers(f"{url}/health"), folder / "proxy.log", env).wait_ready()
    return program, httpx.Client(base_url=url, timeout=40)


@pytest.fixture
def proxy(tmp_path, redis_url):
    """Start a real proxy with settings of its own; return the program and a client for it."""
    started = []

    def run(**env: object) -> tuple[Program, httpx.Client]:
        started.append(launch_proxy(tmp_path, **({"REDIS_URL": redis_url} | env)))
        return started[-1]

    yield run
    for program, client in started:
        client.close()
        program.stop()


def children(pid: int) -> list[int]:
    """The worker's child processes, without Python's own resource tracker."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def cpu_seconds(pid: int) -> float:
    """The time that all threads of a process have spent on a core."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill_child(pid: int, name: signal.Signals = signal.SIGKILL) -> int:
    """Signal a worker's only child as soon as there is one; return its process id."""
    wait_until(lambda: children(pid), 10, "the worker's child")
    [child] = children(pid)
    os.kill(child, name)
    return child
