"""What the database does not allow is one line and an exit code, and no row is changed."""

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import InternalError

from batch.causes.causes import DatabaseUnavailable, find_cause
from tests.batch.api.test_api import client_of
from tests.batch.commands import run
from tests.batch.conftest import add, states

ROW = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture
def limited(mariadb: Engine) -> Iterator[str]:
    """The URL of a user who may read every table, and write `items` alone."""
    database = mariadb.url.database
    with mariadb.begin() as connection:
        connection.execute(text("CREATE USER limited@localhost"))
        connection.execute(text(f"GRANT SELECT ON {database}.* TO limited@localhost"))
        connection.execute(text(f"GRANT SELECT, UPDATE ON {database}.items TO limited@localhost"))
    yield mariadb.url.set(username="limited").render_as_string(hide_password=False)
    with mariadb.begin() as connection:
        connection.execute(text("DROP USER limited@localhost"))


def test_a_right_that_is_missing_is_named(mariadb: Engine, limited: str):
    add(mariadb, ROW)
    done = run("job", limited)
    assert (done.returncode, done.stderr.count("\n"), states(mariadb)) == (4, 1, "p")
    assert done.stderr.startswith("the database's user lacks a right, grant it: (1142, \"INSERT")


@pytest.mark.parametrize(
    "rule",
    [
        "ALTER TABLE items ADD CONSTRAINT owners CHECK (label IS NULL)",
        "ALTER TABLE items MODIFY label VARCHAR(3)",
        "CREATE TRIGGER owners BEFORE UPDATE ON items FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'",
    ],
    ids=["constraint", "shorter column", "trigger"],
)
def test_a_rule_of_the_tables_owner_is_named(mariadb: Engine, rule: str):
    add(mariadb, ROW)
    with mariadb.begin() as connection:
        connection.execute(text(rule))
    done = run("job", mariadb)
    assert (done.returncode, done.stderr.count("\n"), states(mariadb)) == (4, 1, "p")
    assert done.stderr.startswith("the database refuses what is written, see the table's own rules: (")


def test_the_api_names_a_column_that_the_owner_has_added(mariadb: Engine, artifacts: Path):
    with mariadb.begin() as connection:
        connection.execute(text("ALTER TABLE items ADD COLUMN tenant INT NOT NULL"))
    answer = client_of(mariadb, artifacts).post(json={"data": [ROW]})
    assert (answer.status_code, "'tenant'" in answer.json()["detail"], states(mariadb)) == (503, True, "")


def test_a_binary_log_of_statements_is_named_with_the_setting_that_mends_it():
    refused = pymysql.err.InternalError(1665, "Cannot execute statement: impossible to write to binary log")
    cause = find_cause(InternalError("INSERT", {}, refused))
    assert isinstance(cause, DatabaseUnavailable)
    assert str(cause).startswith("the database's binary log cannot hold a write, set binlog_format=ROW or MIXED: (1665")
