"""The schema's revision: the one that this code needs, the one that a database has, and the upgrade between them.

Alembic runs the migrations. Three things it does not do are done here. Loading it takes a third of a second, so every
program reads the revision with a statement of its own. It takes no lock, so two upgrades at once would collide. Its
`check` and `current` ask for the exact head, while a program here also accepts a newer schema, as migrations only add.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, String, column, func, inspect, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ..database import read
from ..errors import Exit, ServiceError, as_service_error
from .engines import check_engines
from .indexes import missing_indexes, restore_indexes
from .owner import check_owner, own_revision

FOLDER = Path(__file__).parent
REVISION = max(file.name[:4] for file in FOLDER.glob("versions/0*.py"))
LOCK_SECONDS = 600

STORED = select(column("version_num", String)).select_from(table("alembic_version"))


class SchemaTooOld(ServiceError):
    """The database lacks a table, a column or an index that this code uses."""

    exit_code, status = Exit.SCHEMA, 503


class MigrationBusy(ServiceError):
    """Another migration of the same database does not end."""

    exit_code, status = Exit.DATABASE, 503


def is_older(stored: str | None) -> bool:
    """Return whether the revision `stored` is older than this code; a newer one is compatible."""
    return stored is None or stored < REVISION


def check(connection: Connection | Session) -> None:
    """Read the revision of a database, and raise `SchemaTooOld` if it is older than this code.

    Raises:
        NoTransactions: a table's storage engine cannot roll back.
    """
    try:
        stored = own_revision(list(connection.execute(STORED).scalars()))
    except DBAPIError as error:
        raise as_service_error(error) or error from None
    if is_older(stored):
        need = f"this program needs {REVISION}: run `python -m batch.migrate`"
        raise SchemaTooOld(f"the database has schema {stored}, {need}")
    check_engines(connection.connection() if isinstance(connection, Session) else connection)


def check_indexes(connection: Connection) -> None:
    """Raise `SchemaTooOld` if an index is missing."""
    if missing := next(missing_indexes(connection), None):
        raise SchemaTooOld(f"the database lacks the index {missing}: run `python -m batch.migrate`")


def upgrade(engine: Engine) -> str | None:
    """Upgrade to the newest revision, restore missing indexes, and return the earlier revision.

    Several programs may do so at once.

    Raises:
        MigrationBusy: another program holds the lock for ten minutes.
    """
    with engine.connect() as connection, _lock(connection):
        stored = _upgrade(connection)
        connection.commit()  # before the lock is released
        return stored


@contextmanager
def _lock(connection: Connection) -> Iterator[None]:
    """Keep other migrations out; on SQLite the transaction does so, if it locks the file (`embedded/`)."""
    if connection.dialect.name == "sqlite":
        yield
        return
    lock = f"batch_migrate_{connection.engine.url.database}"[:64]
    if not connection.execute(select(func.get_lock(lock, LOCK_SECONDS))).scalar_one():
        raise MigrationBusy(f"another migration has held the lock {lock} for {LOCK_SECONDS} s")
    try:
        yield
    finally:
        if not connection.invalidated:  # the server releases the lock of a connection that is lost
            connection.execute(select(func.release_lock(lock)))


def upgrade_embedded(engine: Engine) -> None:
    """Upgrade the SQLite file, which belongs to this pattern alone; a server's schema is upgraded by its owner."""
    if engine.dialect.name == "sqlite" and is_older(read(engine, _stored)):
        upgrade(engine)


def prepare(engine: Engine) -> None:
    """Upgrade an SQLite file, and check the schema of any database."""
    upgrade_embedded(engine)
    read(engine, check)


def _stored(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return own_revision(list(connection.execute(STORED).scalars()))


def _upgrade(connection: Connection) -> str | None:
    stored = _stored(connection)
    check_owner(connection, stored)
    check_engines(connection)
    if is_older(stored):
        logging.getLogger("alembic").setLevel(logging.WARNING)
        from alembic.command import upgrade
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        upgrade(config, "head")
    if stored is None or stored <= REVISION:
        restore_indexes(connection)
    return stored
