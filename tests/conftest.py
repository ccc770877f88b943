"""Real servers for the whole suite. Each server starts once, on a free port, and stops at the end."""

import gc
import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pymysql
import pytest
import redis
from playwright.sync_api import sync_playwright

from local import servers
from local.demo import samples
from local.processes import ROOT, Program

from .certificates import Authority
from .preloaded import LIBRARIES, Preloaded

pytest_plugins = ["tests.program_logs", "tests.serving.plugin", "pytester"]

ARTIFACTS = ROOT / "models" / "artifacts"

# An example may take long on a busy machine: that is no fault of the program.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

# A shell's background job ignores SIGINT, and `nohup` ignores SIGHUP. The tests' programs must ignore neither.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, lambda *_: None)  # child processes inherit ignored signals, but not handlers


# Each group of tests runs in one process: its files share what costs seconds of processor time in each process.
GROUPS = {
    "serving program with TensorFlow": (
        "tests/serving/",
        "tests/asynchronous/page/",
        "tests/asynchronous/test_api.py",
        "tests/asynchronous/test_chaos.py",
        "tests/asynchronous/test_model.py",
        "tests/gateway/test_asynchronous.py",
        "tests/test_observability.py",
    ),
    "clients of a serving program": (
        "tests/synchronous/",
        "tests/test_lift_out.py",
        "tests/test_readme_commands.py",
        "tests/test_removal.py",
    ),
    "imports of TensorFlow and scikit-learn": ("tests/local/lift/", "tests/models/"),
}


def group_of(nodeid: str) -> str | None:
    return next((name for name, paths in GROUPS.items() if nodeid.startswith(paths)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the groups: the last process to begin must not begin with one of them."""
    order = [*GROUPS, None]
    items.sort(key=lambda item: order.index(group_of(item.nodeid)))


gc.disable()  # until the tests are collected: imports make more than a million objects, and hardly any garbage


def pytest_collection_finish() -> None:
    """Leave the objects that exist now out of every later search for garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process whole files as `--dist loadfile` does, and all files of a group to one process."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid) or super()._split_scope(nodeid)

    return Scheduling(config, log)


CERTIFICATES = os.environ.get("SSL_CERT_FILE")


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let programs trust one authority: PyMySQL takes 40 ms of processor time to load Debian's for each connection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(Authority(tmp_path_factory.mktemp("authority")).file))
        yield


@pytest.fixture
def system_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust what the system trusts, for a test that downloads."""
    if CERTIFICATES:
        monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATES)
    else:
        monkeypatch.delenv("SSL_CERT_FILE")


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """`models/artifacts` as `make models` writes it."""
    return ARTIFACTS


@pytest.fixture
def free_port() -> Callable[[], int]:
    return servers.free_port


OTHERS = ("batch.ray", "http.server", "ray.scripts.scripts")  # programs that need none of the libraries, or others


@pytest.fixture
def start(tmp_path: Path, preloaded: Preloaded) -> Iterator[Callable[..., Program]]:
    """Start a real program, wait until it is ready, and stop it when the test ends.

    Without `ready` there is nothing to wait for: the program may have ended by itself when this returns. A program of
    this repository is forked from a Python that has imported the libraries.
    """
    programs: list[Program] = []

    def start(name, argv, ready=None, env=None, cwd=ROOT) -> Program:
        forked = argv[0] == sys.executable and argv[1] in ("-m", "-c") and argv[2] not in OTHERS and cwd == ROOT
        log = tmp_path / f"{name}-{len(programs)}.log"
        order = (name, argv, ready or (lambda: True), log, env)
        programs.append(preloaded.start(*order) if forked else Program(*order, cwd))
        return programs[-1].wait_ready() if ready else programs[-1]

    yield start
    for program in reversed(programs):
        program.stop()


@pytest.fixture(scope="session")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preloaded]:
    """A Python that has imported the libraries of the patterns."""
    python = Preloaded(tmp_path_factory.mktemp("preloaded") / "log", LIBRARIES)
    yield python
    python.close()


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = servers.free_port()
    server = servers.redis_server(port, tmp_path_factory.mktemp("redis"))
    yield server.wait_ready() and port
    server.stop()


@pytest.fixture
def redis_url(redis_port: int) -> str:
    """A private Redis or Valkey, empty at the start of each test."""
    with redis.Redis(port=redis_port) as client:
        client.flushall()
    return f"redis://127.0.0.1:{redis_port}/0"


@pytest.fixture(scope="session")
def mariadb_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = servers.free_port()
    server = servers.mariadb_server(port, tmp_path_factory.mktemp("mariadb"))
    yield server.wait_ready() and port
    server.stop()


_databases = itertools.count()


@pytest.fixture
def database_url(mariadb_port: int) -> Iterator[str]:
    """A new, empty database for each test, on a private MariaDB or MySQL."""
    name = f"test{next(_databases)}"
    with pymysql.connect(host="127.0.0.1", port=mariadb_port, user="root") as connection:
        connection.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield f"mysql+pymysql://root@127.0.0.1:{mariadb_port}/{name}"
    with pymysql.connect(host="127.0.0.1", port=mariadb_port, user="root") as connection:
        connection.cursor().execute(f"DROP DATABASE {name}")


@dataclass(frozen=True)
class Serving:
    grpc: str
    rest: str


@pytest.fixture(scope="session")
def serving(tensorflow: Preloaded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The stand-in for TensorFlow Serving with the digits model."""
    grpc, rest = servers.free_port(), servers.free_port()
    log = tmp_path_factory.mktemp("serving") / "log"
    program = servers.serving(grpc, rest, ARTIFACTS / "digits", log, tensorflow.start)
    program.wait_ready()
    yield Serving(f"127.0.0.1:{grpc}", f"http://127.0.0.1:{rest}")
    program.stop()


@pytest.fixture(scope="session")
def digit_images() -> list[samples.DigitImage]:
    """Held-out digits as PNG and JPEG files of several sizes, with the label that a person assigned."""
    return samples.digit_images(56)


@pytest.fixture(scope="session")
def photographs() -> list[bytes]:
    return samples.photographs()


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium. It holds this thread's event loop, so tests that need one must be in other modules."""
    program = servers.executable("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
