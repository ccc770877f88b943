"""The schema's revision: the one this code needs, the one a database has, and the way there."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, String, column, func, inspect, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from .database import readers

REVISION = "0003"
UPGRADE = "run `python -m batch.migrate`"
LOCK_SECONDS = 600
NO_SUCH_TABLE, NO_SUCH_INDEX = 1146, 1176

# A subquery, so that a statement which asks for something else can bring the revision along.
STORED = select(column("version_num", String)).select_from(table("alembic_version")).scalar_subquery()


class SchemaTooOld(Exception):
    """The database has an older schema than this code needs; the message is one line for the operator."""


class MigrationBusy(Exception):
    """Another migration of the same database does not come to its end; the message is one line for the operator."""


def is_older(stored: str | None) -> bool:
    """Tell whether the revision `stored` is older than this code; a newer one serves, as migrations only add."""
    return stored is None or stored < REVISION


def require(stored: str | None) -> None:
    """Refuse an older schema.

    Raises:
        SchemaTooOld: `stored` is not the revision that this code needs, or a newer one.
    """
    if is_older(stored):
        raise SchemaTooOld(f"the database has schema {stored}, this program needs {REVISION}: {UPGRADE}")


def check(connection: Connection | Session) -> None:
    """Ask the database for its schema, and refuse an older one."""
    require(connection.execute(select(STORED)).scalar_one())


def missing(error: DBAPIError) -> str | None:
    """Return one line if a table or an index is not there: nothing was migrated yet, or not far enough."""
    text, code = str(error.orig), error.orig.args[0] if error.orig and error.orig.args else None
    if "no such table" in text or code in (NO_SUCH_TABLE, NO_SUCH_INDEX):
        return f"the database lacks a table or an index, {UPGRADE}: {text}"
    return None


def upgrade(engine: Engine) -> str | None:
    """Bring the schema to the newest revision and return the one it had; several programs may do so at once.

    Raises:
        MigrationBusy: another one holds the lock for ten minutes.
    """
    with engine.connect() as connection, _alone(connection):
        stored = _upgrade(connection)
        connection.commit()  # before the lock is given up
        return stored


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep other migrations out; on SQLite the transaction does so, which has the file."""
    if connection.dialect.name == "sqlite":
        yield
        return
    lock = f"batch_migrate_{connection.engine.url.database}"[:64]
    if not connection.execute(select(func.get_lock(lock, LOCK_SECONDS))).scalar_one():
        raise MigrationBusy(f"another migration has held the lock {lock} for {LOCK_SECONDS} s")
    try:
        yield
    finally:
        if not connection.invalidated:  # the server gives up the lock of a connection that is lost
            connection.execute(select(func.release_lock(lock)))


def upgrade_embedded(engine: Engine) -> None:
    """Upgrade the SQLite file, which is this pattern's own; the schema of a server is its owner's."""
    if engine.dialect.name == "sqlite":
        with readers(engine).connect() as connection:
            older = is_older(_stored(connection))
        if older:
            upgrade(engine)


def _stored(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(select(STORED)).scalar_one()
    return revision


def _upgrade(connection: Connection) -> str | None:
    stored = _stored(connection)
    if is_older(stored):
        logging.getLogger("alembic").setLevel(logging.WARNING)
        # Loaded when there is something to do: it takes a third of a second.
        from alembic.command import upgrade
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        upgrade(config, "head")
    return stored
