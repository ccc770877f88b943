import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, inspect, text

from batch.database import connect
from batch.embedded import readers
from batch.migrate import schema
from batch.settings import Settings
from batch.tables import Base
from local.processes import wait_until
from tests.batch.api.test_api import client_of
from tests.batch.commands import run, url
from tests.batch.conftest import add, count_of, states

COMMANDS = [("migrate",), ("migrate", "--check"), ("job",)]
TABLES = ("items", "runs", "posts", "loads", "completions", "feed_position", "model_versions")
ROW = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture(params=["mariadb", "sqlite"])
def empty(request: pytest.FixtureRequest, tmp_path: Path):
    """A database without tables."""
    sqlite = f"sqlite:///{tmp_path}/empty.sqlite3"
    engine = connect(
        Settings(database_url=request.getfixturevalue("database_url") if request.param == "mariadb" else sqlite)
    )
    yield engine
    engine.dispose()


def tables(engine: Engine) -> list[str]:
    """What makes the tables as they are, sorted, since columns and indexes are added in any order."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            found = inspect(connection)
            parts = found.get_columns, found.get_indexes, found.get_check_constraints, found.get_pk_constraint
            return sorted(str(each) for part in parts for name in TABLES for each in as_list(part(name)))
        made = [connection.execute(text(f"SHOW CREATE TABLE {name}")).one()[1] for name in TABLES]
        return sorted(line.strip(" ,") for line in "\n".join(made).splitlines())


def as_list(part):
    return [part] if isinstance(part, dict) else [dict(each, type=str(each.get("type"))) for each in part]


def test_the_migrations_lead_to_the_tables_that_the_code_describes(empty: Engine):
    assert (schema.upgrade(empty), schema.upgrade(empty)) == (None, schema.REVISION)
    with empty.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    migrated = tables(empty)
    Base.metadata.drop_all(empty)
    Base.metadata.create_all(empty)
    assert tables(empty) == migrated


@pytest.mark.parametrize(
    "earlier",
    [
        ("DROP TABLE alembic_version", "DROP TABLE runs", "DROP INDEX items_scope {on_items}"),  # before migrations
        ("UPDATE alembic_version SET version_num = '0001'",),  # MySQL keeps the tables of an upgrade that was cut off
    ],
)
def test_existing_tables_are_upgraded_with_their_rows(empty: Engine, earlier):
    schema.upgrade(empty)
    add(empty, ROW, ROW)
    with empty.begin() as connection:
        for statement in earlier:
            on_items = "" if empty.dialect.name == "sqlite" else "ON items"
            connection.execute(text(statement.format(on_items=on_items)))
    schema.upgrade(empty)
    with empty.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    assert count_of(empty, "items") == 2


def test_any_number_of_programs_may_migrate_at_once(database_url: str):
    engines = [connect(Settings(database_url=database_url)) for _ in range(8)]
    for engine in engines:
        engine.connect().close()  # so that nothing but the migration is left to do
    together = threading.Barrier(len(engines))

    def migrate(engine: Engine) -> str | None:
        together.wait(60)
        return schema.upgrade(engine)

    with ThreadPoolExecutor(len(engines)) as threads:
        found = list(threads.map(migrate, engines))
    assert sorted(found, key=str) == [schema.REVISION] * 7 + [None]
    assert inspect(engines[0]).has_table("runs")
    for engine in engines:
        engine.dispose()


def test_an_upgrade_is_committed_before_the_next_program_may_begin(database_url: str):
    engine, other = (connect(Settings(database_url=database_url)) for _ in range(2))
    seen: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def look(*sent) -> None:
        if "release_lock" in sent[2].lower():
            with other.connect() as connection:
                seen.append(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())

    schema.upgrade(engine)
    assert seen == [schema.REVISION]
    for opened in (engine, other):
        opened.dispose()


@pytest.mark.parametrize(
    "stopped_by", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=[pytest.mark.exhaustive]), None]
)
def test_an_interrupted_migration_ends_at_a_signal_and_restarts_after_a_lost_connection(
    mariadb: Engine, start, stopped_by
):
    waiting = text("SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata%'")
    with mariadb.connect() as reader, mariadb.connect() as observer:
        observer.execute(text("UPDATE alembic_version SET version_num = '0002'"))
        observer.execute(text("DROP INDEX items_scope ON items"))
        reader.execute(text("SELECT * FROM items"))  # a new index waits for the end of this transaction
        program = start("migrate", [sys.executable, "-m", "batch.migrate"], env={"DATABASE_URL": url(mariadb)})
        wait_until(lambda: observer.scalar(waiting), 120)
        if stopped_by:
            os.kill(program.pid, stopped_by)
            assert program.wait() == 128 + stopped_by
        else:
            observer.execute(text(f"KILL {observer.scalar(waiting)}"))
            reader.rollback()
            assert program.wait() == 0
    assert "Traceback" not in program.log.read_text()


def test_a_migration_that_waits_too_long_for_another_names_the_lock(mariadb: Engine, monkeypatch):
    monkeypatch.setattr(schema, "LOCK_SECONDS", 0)
    with mariadb.connect() as other:
        other.execute(text(f"SELECT GET_LOCK('batch_migrate_{mariadb.url.database}', 0)"))
        with pytest.raises(schema.MigrationBusy, match="another migration"):
            schema.upgrade(mariadb)


@pytest.mark.parametrize("command", ["job", "job --since 2026-01-01", "status", "migrate --check", "export -"])
def test_a_program_refuses_an_older_schema_with_one_line_and_exit_code_7(mariadb: Engine, command):
    with mariadb.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
        connection.execute(text("DROP INDEX items_scope ON items"))
    module, *flags = command.split()
    refused = run(module, mariadb, *flags)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (7, "", 1)
    assert "run `python -m batch.migrate`" in refused.stderr


THEIRS = "CREATE TABLE alembic_version (version_num VARCHAR(32))"
REVISION = "INSERT INTO alembic_version VALUES ('{}')"
ITEMS = ("CREATE TABLE items (id INT, state INT)",)
ALL_COMMANDS_REFUSE = [ITEMS, (THEIRS, REVISION.format("ae1027a6acf"))]


@pytest.mark.parametrize(
    ("made", "seen"),
    [
        ((THEIRS, REVISION.format("ae1027a6acf")), "its alembic_version holds 'ae1027a6acf'"),
        ((THEIRS, REVISION.format("0001"), REVISION.format("b7")), "its alembic_version holds 'b7'"),
        ((THEIRS, REVISION.format("0001")), "alembic_version holds '0001', and there is no table items"),
        (
            ITEMS,
            "the table items is another application's: it has no column '",
        ),
        (("CREATE TABLE runs (id INT)",), "the table runs is another application's: it has no column 'outcome'"),
        (("CREATE TABLE posts (id INT, title TEXT)",), "the table posts is another application's: it has no column "),
        (("CREATE TABLE loads (id INT)",), "the table loads is another application's: it has no column 'name'"),
        (("CREATE TABLE model_versions (version INT)",), "the table model_versions is another application's: it has n"),
        ((THEIRS, "INSERT INTO alembic_version VALUES (NULL)"), "its alembic_version holds None"),
        ((THEIRS, REVISION.format("x" * 32)), f"its alembic_version holds '{'x' * 32}'"),
        ((THEIRS, REVISION.format("0003"), REVISION.format("0004")), "its alembic_version holds '0003', '0004'"),
        (("CREATE TABLE alembic_version (version_num INT)", REVISION.format(7)), "its alembic_version holds 7"),
    ],
)
def test_a_database_of_another_application_is_refused_and_left_as_it_is(empty: Engine, made, seen):
    with empty.begin() as connection:
        for statement in made:
            connection.execute(text(statement))
    before = sorted(inspect(empty).get_table_names())
    commands = COMMANDS if made in ALL_COMMANDS_REFUSE else COMMANDS[:1]  # they ask the same function
    refused = [run(module, empty, *flags) for module, *flags in commands]
    assert [(done.returncode, done.stderr.count("\n"), done.stdout) for done in refused] == [(7, 1, "")] * len(commands)
    assert seen in refused[0].stderr
    assert sorted(inspect(empty).get_table_names()) == before


def test_a_check_looks_at_the_tables_too(mariadb: Engine):
    with mariadb.begin() as connection:
        connection.execute(text("DROP TABLE items"))
    for flags in ((), ("--check",)):
        refused = run("migrate", mariadb, *flags)
        assert (refused.returncode, "there is no table items" in refused.stderr) == (7, True)


def test_a_table_that_cannot_roll_back_is_refused_with_the_statement_that_mends_it(mariadb: Engine, artifacts: Path):
    add(mariadb, ROW, [1])
    with mariadb.begin() as connection:
        connection.execute(text("ALTER TABLE items ENGINE=MyISAM"))
    for module, *flags in (*COMMANDS, ("job", "--on-failure", "retry-all"), ("seed", "--rows", "1"), ("export", "-")):
        refused = run(module, mariadb, *flags)
        assert (refused.returncode, refused.stderr.count("\n")) == (7, 1)
        assert refused.stderr.endswith("cannot be undone: run ALTER TABLE items ENGINE=InnoDB\n")
    assert client_of(mariadb, artifacts).post(json={"data": [ROW]}).status_code == 503
    with mariadb.begin() as connection:
        connection.execute(text("ALTER TABLE items ENGINE=InnoDB"))
    assert (states(mariadb), run("job", mariadb).returncode) == ("pp", 3)


@pytest.mark.parametrize("index", ["items_state_id", "items_scope", "items_key"])
def test_an_index_that_was_dropped_is_named_by_the_check_and_restored(empty: Engine, index):
    schema.upgrade(empty)
    before = tables(empty)
    with empty.begin() as connection:
        connection.execute(text(f"DROP INDEX {index} {'' if empty.dialect.name == 'sqlite' else 'ON items'}"))
    refused = run("migrate", empty, "--check")
    line = f"the database lacks the index {index}: run `python -m batch.migrate`\n"
    assert (refused.returncode, refused.stderr) == (7, line)
    assert [run("migrate", empty, *flags).returncode for flags in ((), ("--check",))] == [0, 0]
    assert tables(empty) == before


def test_a_newer_schema_is_compatible(engine: Engine):
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    with readers(engine).connect() as connection:
        schema.check(connection)


def test_migrate_prints_the_upgrade_and_then_only_the_schema(database_url: str):
    first, second = run("migrate", database_url), run("migrate", database_url, "--check")
    assert first.stdout == f"upgraded from schema None\n{database_url} has schema {schema.REVISION}\n"
    assert (second.returncode, second.stdout) == (0, f"{database_url} has schema {schema.REVISION}\n")


@pytest.mark.parametrize("command", ["seed --rows 1", "job"])
def test_the_embedded_file_is_migrated_by_whichever_program_opens_it(tmp_path: Path, command):
    file = f"sqlite:///{tmp_path}/batch.sqlite3"
    module, *flags = command.split()
    done = run(module, file, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    engine = connect(Settings(database_url=file))
    assert count_of(engine, "runs") == 0
    engine.dispose()


@pytest.mark.parametrize("module", ["migrate", "status", "job"])
def test_a_refused_login_does_not_show_the_password(mariadb: Engine, tmp_path: Path, module):
    (tmp_path / "password").write_text("s3cret")
    refused = run(module, mariadb, DATABASE_PASSWORD_FILE=str(tmp_path / "password"), LOG_LEVEL="DEBUG")
    assert (refused.returncode, "Access denied" in refused.stderr) == (4, True)
    assert "s3cret" not in refused.stdout + refused.stderr
