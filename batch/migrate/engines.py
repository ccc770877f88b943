"""Check that the tables have transactions and row locks. Their owner may have given them another storage engine."""

from sqlalchemy import Connection, bindparam, text

from ..errors import Exit, ServiceError
from .owner import COLUMNS

OTHER = text(
    "SELECT table_name, engine FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_name IN :ours AND engine <> 'InnoDB' ORDER BY table_name LIMIT 1"
).bindparams(bindparam("ours", sorted(COLUMNS), expanding=True))


class NoTransactions(ServiceError):
    """A table has a storage engine that cannot roll back."""

    exit_code, status = Exit.SCHEMA, 503


def check_engines(connection: Connection) -> None:
    """Raise `NoTransactions` if a table of a server has another engine than InnoDB."""
    if connection.dialect.name == "sqlite":
        return
    if found := connection.execute(OTHER).first():
        fix = f"run ALTER TABLE {found[0]} ENGINE=InnoDB"
        raise NoTransactions(f"the table {found[0]} has the engine {found[1]}, whose writes cannot be undone: {fix}")
