import copy
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from batch import artifact
from batch.database import connect
from batch.embedded import readers
from batch.export.versions import ModelVersion as ModelVersion  # the tables include it
from batch.feed.tables import Completion as Completion  # the tables include it
from batch.keys.posts import Post as Post  # the tables include it
from batch.migrate.schema import REVISION
from batch.policies import Policy, choose
from batch.predictor import Predictor, load
from batch.retry import retrying
from batch.runner import Runner
from batch.schemas import Result
from batch.scope.rows import PartByAge as PartByAge  # the table has its index
from batch.seed import flowers as seed
from batch.seed.load import LoadPlace as LoadPlace  # the tables include it
from batch.settings import Settings
from batch.status.tables import Run as Run  # the tables include it
from batch.stopping.pauses import pausing
from batch.tables import Base, Item, State
from local import servers
from local.processes import Program
from tests.batch import audit
from tests.batch.commands import url


def open_engine(url: str) -> Engine:
    engine = connect(Settings(database_url=url))
    with engine.begin() as connection:  # the tables of the migrations, see test_schema.py, in a tenth of their time
        Base.metadata.create_all(connection)
        connection.execute(text(f"CREATE TABLE alembic_version AS SELECT '{REVISION}' AS version_num"))
    return engine


@pytest.fixture
def mariadb(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def secretive(mariadb: Engine) -> Iterator[str]:
    """The URL of a user whose password is `s3cret`."""
    with mariadb.begin() as connection:
        connection.execute(text("CREATE USER spy@localhost IDENTIFIED BY 's3cret'"))
        connection.execute(text("GRANT ALL ON *.* TO spy@localhost"))
    yield mariadb.url.set(username="spy", password="s3cret").render_as_string(hide_password=False)
    with mariadb.begin() as connection:
        connection.execute(text("DROP USER spy@localhost"))


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path}/batch.sqlite3")
    yield engine
    engine.dispose()


@pytest.fixture(params=["mariadb", "sqlite"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """The server and the embedded default: what the test asserts holds on both."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def server(free_port: Callable[[], int], tmp_path: Path) -> Iterator[Callable[[], Program]]:
    """Start a MariaDB of the test's own; a second call, after the first one ended, starts it with the same data."""
    port, started = free_port(), []

    def server() -> Program:
        started.append(servers.mariadb_server(port, tmp_path / "server").wait_ready())
        return started[-1]

    server.url = f"mysql+pymysql://root@127.0.0.1:{port}/mysql"
    yield server
    for program in started:
        program.stop()


@pytest.fixture(scope="session")
def model(artifacts: Path) -> Predictor:
    return load(artifact.open_artifact(artifacts / "iris", keep=None))


def fill(engine: Engine, count: int) -> list[list[float]]:
    rows = [row for chunk in seed.flowers(count, seed=0) for row in chunk]
    add(engine, *rows)
    return rows


def add(engine: Engine, *rows: Any) -> None:
    with engine.begin() as connection:
        seed.add(connection, rows)


def items(engine: Engine) -> list[Item]:
    with Session(readers(engine)) as session:
        return list(session.scalars(select(Item).order_by(Item.id)))


def states(engine: Engine) -> str:
    """The rows' states by rising id, one letter each."""
    return "".join(item.state.value[0] for item in items(engine))


def count(engine: Engine, state: State) -> int:
    with readers(engine).connect() as connection:  # on SQLite a writer could block it
        return connection.execute(select(func.count()).where(Item.state == state)).scalar_one()


def new_runner(
    engine: Engine,
    model: Predictor,
    policy: Policy = Policy.LEAVE,
    max_attempts: int = 3,
    backoff: float = 0,
    retry_seconds: float = 60,
    pause: Callable[[float], None] | None = None,
    **options: Any,
) -> Runner:
    """Return a runner as the job makes it."""
    runner = Runner(engine, model, **options)
    pause = pause or pausing(runner)
    runner.retry = retrying(pause, retry_seconds)
    choose(runner, policy, max_attempts, backoff, pause)
    return runner


def finish(runner: Runner) -> Result:
    runner.policy(runner)
    return runner.result


def running(model: Predictor, session: Any) -> Predictor:
    """Return the model with another session behind it."""
    other = copy.copy(model.model)
    other.run = session.run
    return replace(model, model=other)


class Flaky:
    """A model that raises in its first `failures` runs."""

    def __init__(self, session: Any, failures: int) -> None:
        self.session, self.failures, self.runs = session, failures, 0

    def run(self, outputs: list[str], feed: dict[str, np.ndarray]) -> Sequence[Any]:
        self.runs += 1
        if self.runs <= self.failures:
            raise RuntimeError("not yet")
        return self.session.run(outputs, feed)


class Meanwhile:
    """A model that calls `happens` with its runner in its second run."""

    def __init__(self, session: Any, happens: Callable[[Runner], None]) -> None:
        self.session, self.happens, self.runs = session, happens, 0
        self.runner: Runner

    def run(self, outputs, feed):
        self.runs += 1
        if self.runs == 2:
            self.happens(self.runner)
        return self.session.run(outputs, feed)


def count_of(engine: Engine, table: str) -> int:
    with readers(engine).connect() as connection:
        return connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one()


@pytest.fixture
def start_job(start: Callable[..., Program]) -> Callable[..., Program]:
    """Start a run in a process of its own."""

    def start_job(engine: Engine, *flags: str, **environment: str) -> Program:
        argv = [sys.executable, "-m", "batch.job", "--json", *flags]
        return start("job", argv, env={"DATABASE_URL": url(engine)} | environment)

    return start_job


@pytest.fixture(scope="session")
def newer(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder whose highest version is 2."""
    folder = tmp_path_factory.mktemp("models") / "iris"
    shutil.copytree(artifacts / "iris" / "1", folder / "2")
    return folder


@pytest.fixture(scope="session")
def expected() -> Callable[[Sequence[Sequence[float]]], list[tuple[str, list[float]]]]:
    """Labels and probabilities as a session of its own gives them for all rows at once."""
    return audit.direct
