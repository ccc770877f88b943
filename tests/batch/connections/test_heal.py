"""A connection that no longer serves is replaced: after a rotation of the password, and after a failover."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from batch.api.app import build_app
from batch.artifact import open_artifact
from batch.database import connect
from batch.predictor import Predictor
from batch.settings import Settings
from tests.batch.api.test_api import Client
from tests.batch.conftest import add, finish, new_runner, states

ROW = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture
def user(mariadb: Engine, tmp_path: Path, monkeypatch) -> Iterator[Engine]:
    """An engine for a user with the rights of an application, whose password is in a file."""
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    (tmp_path / "password").write_text("first\n")
    with mariadb.begin() as connection:
        connection.execute(text("CREATE USER app@localhost IDENTIFIED BY 'first'"))
        connection.execute(text(f"GRANT ALL ON {mariadb.url.database}.* TO app@localhost"))
    url = mariadb.url.set(username="app").render_as_string(hide_password=False)
    engine = connect(Settings(database_url=url))
    yield engine
    engine.dispose()
    with mariadb.begin() as connection:
        connection.execute(text("SET GLOBAL read_only = 0"))
        connection.execute(text("DROP USER app@localhost"))


def end_connections(mariadb: Engine) -> None:
    with mariadb.begin() as connection:
        connection.execute(text("KILL USER app@localhost"))


def test_a_password_that_was_rotated_is_read_again_by_the_next_connection(
    mariadb: Engine, user: Engine, tmp_path: Path
):
    with user.connect() as connection:
        connection.execute(text("SELECT 1"))
    with mariadb.begin() as connection:
        connection.execute(text("ALTER USER app@localhost IDENTIFIED BY 'second'"))
    (tmp_path / "password").write_text("second\n")
    end_connections(mariadb)
    with user.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_server_that_became_read_only_is_left_for_a_new_connection(mariadb: Engine, user: Engine):
    with user.connect() as connection, mariadb.connect() as root:
        before = connection.scalar(text("SELECT CONNECTION_ID()"))
        root.execute(text("SET GLOBAL read_only = 1"))
        with pytest.raises(DBAPIError, match="1290") as refused:
            connection.execute(text("INSERT INTO items (`values`) VALUES ('[1]')"))
        root.execute(text("SET GLOBAL read_only = 0"))
    with user.begin() as connection:
        connection.execute(text("INSERT INTO items (`values`) VALUES ('[1]')"))
        assert connection.scalar(text("SELECT CONNECTION_ID()")) != before
    assert refused.value.connection_invalidated


def test_a_run_goes_on_once_the_address_leads_to_a_server_that_may_be_written(
    mariadb: Engine, user: Engine, model: Predictor
):
    add(mariadb, *[ROW] * 3)
    with mariadb.begin() as root:
        root.execute(text("SET GLOBAL read_only = 1"))
    runner = new_runner(user, model, retry_seconds=60)
    tried: list[float] = []

    def fail_over(seconds: float) -> None:
        tried.append(seconds)
        with mariadb.begin() as root:
            root.execute(text("SET GLOBAL read_only = 0"))

    runner.retry = runner.retry.copy(sleep=fail_over)
    assert (finish(runner).done, states(mariadb), len(tried)) == (3, "ddd", 1)


def test_the_api_answers_503_while_no_server_may_be_written_and_then_recovers(
    mariadb: Engine, user: Engine, artifacts: Path
):
    client = Client(build_app(open_artifact(artifacts / "iris").manifest, user))
    assert client.post(json={"data": [ROW]}).status_code == 201
    for read_only, status in ((1, 503), (0, 201)):
        with mariadb.begin() as root:
            root.execute(text(f"SET GLOBAL read_only = {read_only}"))
        assert (client.post(json={"data": [ROW]}).status_code, client.get("/ready").status_code) == (
            status,
            200 if status == 201 else 503,
        )
    assert states(mariadb) == "pp"
