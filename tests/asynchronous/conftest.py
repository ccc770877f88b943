import asyncio
import contextlib
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

from asynchronous import keys
from asynchronous.consumer import Claim, Result
from asynchronous.expiry.expire import end_expired
from asynchronous.idempotency.keyed_submit import submit_with_key
from asynchronous.job_queue import JobQueue
from asynchronous.renewing.renewal import renew
from asynchronous.settings import Settings
from asynchronous.sharing.batches import BoundedConsumer
from asynchronous.telemetry.metrics import measure
from asynchronous.throughput.quick_batches import QuickBatches
from asynchronous.waiting.subscription import Subscription
from local.processes import Program, wait_until
from local.servers import accepts, answers, free_port
from local.stack import PROXY
from tests.preloaded import Preloaded

SEVEN = Result("7", 0.9)
PNG = {"content-type": "image/png"}


def png(order: str = "") -> bytes:
    """A small random PNG, followed by an order to the fake serving program."""
    pixels = random.randbytes(64)
    file = io.BytesIO()
    Image.frombytes("L", (8, 8), pixels).save(file, "PNG")
    return file.getvalue() + (f"#!{order}".encode() if order else b"")


def label_of(image: bytes) -> str:
    """The label that the fake serving program answers."""
    return hashlib.sha256(image).hexdigest()[:16]


class FakeServing:
    """A serving program that follows the orders in the images.

    While the file `away` exists, it serves nothing; while the file `held` exists, it answers no image with `hold`.
    """

    def __init__(self, folder: Path, preloaded: Preloaded) -> None:
        self._port, self._preloaded = free_port(), preloaded
        self.target, self._folder = f"127.0.0.1:{self._port}", folder
        self._seen, self.away, self.held = folder / "seen", folder / "away", folder / "held"
        self.start()

    def start(self) -> None:
        argv = [
            sys.executable,
            "-m",
            "tests.asynchronous.fake_serving",
            str(self._port),
            str(self._seen),
            str(self.away),
            str(self.held),
        ]
        log, ready = self._folder / "log", lambda: accepts(self._port)
        self.program = self._preloaded.start("fake serving", argv, ready, log).wait_ready()

    def restart_after_crash(self) -> None:
        wait_until(lambda: self.program.poll() is not None, what="the serving program to crash")
        self.start()

    def reset(self) -> None:
        self.away.unlink(missing_ok=True)
        self.held.unlink(missing_ok=True)
        self._seen.unlink(missing_ok=True)
        if self.program.poll() is not None:
            self.start()

    def batches(self) -> list[list[str]]:
        """The labels of the images of each call, in order of arrival."""
        lines = self._seen.read_text().split("\n")[:-1] if self._seen.exists() else []  # the last may be incomplete
        return [json.loads(line) for line in lines]

    def saw(self, image: bytes) -> int:
        return sum(batch.count(label_of(image)) for batch in self.batches())


@pytest.fixture(scope="session")
def one_fake(tmp_path_factory, preloaded) -> Iterator[FakeServing]:
    fake = FakeServing(tmp_path_factory.mktemp("fake_serving"), preloaded)
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


def run_step(store, chosen, *args, jobs):
    """Run a step of the script, as a program with these settings does."""
    script = keys.Script(chosen)
    return store.register_script(script.text)(keys=script.keys.of_step(jobs), args=args)


@pytest.fixture
def put(settings, store):
    """Submit images as the proxy does and return their job ids."""

    def put(*images: bytes, **limits):
        jobs = [[uuid.uuid4().hex, image, ""] for image in images]
        return run_step(store, settings(**limits), "submit", *itertools.chain(*jobs), jobs=[job for job, *_ in jobs])

    return put


@contextlib.asynccontextmanager
async def opened(settings):
    """A JobQueue with its subscription, as the proxy has them."""
    queue = JobQueue(settings)
    subscription = Subscription(queue)
    queue.wait, queue.follow = subscription.wait, subscription.follow
    async with queue.redis, subscription.listening():
        yield queue


class Queue:
    """The proxy's side of the queue, one call at a time."""

    def __init__(self, settings):
        self.settings = settings

    def _call(self, call):
        async def open_and_call():
            async with opened(self.settings) as queue:
                return await call(queue)

        return asyncio.run(open_and_call())

    def put(self, image=b"image"):
        return self._call(lambda queue: queue.submit(uuid.uuid4().hex, image))

    def submit(self, job_id, image):
        return self._call(lambda queue: queue.submit(job_id, image))

    def submit_with_key(self, image, key, fields=""):
        return self._call(lambda queue: submit_with_key(queue, uuid.uuid4().hex, image, key, fields))

    def read(self, job_id):
        return self._call(lambda queue: queue.read(job_id))

    def wait(self, job_id, seconds):
        return self._call(lambda queue: queue.wait(job_id, seconds))

    def end_expired(self):
        return self._call(end_expired)

    def measure(self):
        return self._call(measure)


class Consumer(BoundedConsumer):
    """A worker's side of the queue, which has joined it; its batches are as large as the settings say."""

    def __init__(self, settings: Settings, name: str, *, quick: bool = True) -> None:
        super().__init__(settings, name)
        self._batch_size = settings.batch_size
        if quick:
            QuickBatches(self, settings)
        self.join()

    def claim(self, seconds: float, count: int = 0) -> list[Claim]:
        return super().claim(seconds, count or self._batch_size)

    def renew(self) -> None:
        renew(self)


@pytest.fixture
def quick():
    """Whether consumers start and end jobs without their records; tests of both ways override it."""
    return True


@pytest.fixture
def make(settings, quick):
    """Return a queue and a function that makes consumers, all with the same settings."""

    def make(**changes):
        chosen = settings(**changes)
        return Queue(chosen), lambda name="a": Consumer(chosen, name, quick=quick)

    return make


def ids(jobs):
    return [job.job_id for job in jobs]


def lapse(store, job_id):
    """Let the lease of a job lapse without waiting for it."""
    entry = store.hget(job_id + keys.RECORD, "entry")
    [held] = store.xpending_range("jobs", "workers", entry, entry, 1)
    store.xclaim("jobs", "workers", held["consumer"], 0, [entry], idle=10**6, justid=True)


@pytest.fixture
def record(store):
    return lambda job_id: store.hgetall(f"{job_id}_job")


@pytest.fixture
def settle(store, record):
    """Wait until all jobs have ended; return their records."""

    def settle(ids, seconds=120):
        wait_until(lambda: store.xlen("jobs") == 0, seconds, "all jobs to end")
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
        return start("worker", argv, env={name: str(value) for name, value in env.items()})

    return run


def launch_proxy(preloaded: Preloaded, folder: Path, **env: object) -> tuple[Program, httpx.Client]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", *PROXY, "--port", str(port)]
    env = {name: str(value) for name, value in env.items()}
    program = preloaded.start("proxy", argv, lambda: answers(f"{url}/health"), folder / "proxy.log", env).wait_ready()
    return program, httpx.Client(base_url=url, timeout=40)


@pytest.fixture
def proxy(preloaded, tmp_path, redis_url):
    """Start a real proxy with settings of its own; return the program and a client for it."""
    started = []

    def run(**env: object) -> tuple[Program, httpx.Client]:
        started.append(launch_proxy(preloaded, tmp_path, **({"REDIS_URL": redis_url} | env)))
        return started[-1]

    yield run
    for program, client in started:
        client.close()
        program.stop()


@pytest.fixture(scope="module")
def shared(preloaded, tmp_path_factory, redis_port):
    folder, url = tmp_path_factory.mktemp("proxy"), f"redis://127.0.0.1:{redis_port}/0"
    program, client = launch_proxy(preloaded, folder, REDIS_URL=url)
    client.log = program.log
    yield client
    client.close()
    program.stop()


@pytest.fixture
def api(shared, redis_url):
    """A client of one proxy, for all tests of a module that need no settings of their own."""
    return shared


@pytest.fixture
def finish(settings):
    """Claim as many jobs as there are results, as a worker does, and finish them."""
    consumer = Consumer(settings(), "test")

    def finish(*results):
        consumer.finish(consumer.claim(5), list(results))

    return finish


def post(api, image=None):
    answer = api.post("/predict", content=image or png(), headers=PNG)
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


def end_of(api, job_id):
    """The job's end, which may take long while the worker starts on a busy machine."""
    found = {}

    def ended():
        found.update(api.get(f"/job/{job_id}", params={"wait": 10}).json())
        return found["status"] not in ("pending", "running")

    wait_until(ended, 120, "the job's end")
    return found


def events(api, job_id, then=lambda: None, **headers):
    """Read a job's whole stream of events; call `then` after the first."""
    found = []
    with api.stream("GET", f"/job/{job_id}/events", headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                then() if len(found) == 1 else None
    return answer, found


def children(pid: int) -> list[int]:
    """The worker's child processes, without Python's own resource tracker."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found += [int(child)] if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes() else []
    return found


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
    wait_until(lambda: children(pid), what="the worker's child")
    [child] = children(pid)
    os.kill(child, name)
    return child
