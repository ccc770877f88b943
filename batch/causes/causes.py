"""What an error of another library means for the operator."""

from pydantic import ValidationError
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError

from ..artifact import ArtifactRefused
from ..errors import Exit, ServiceError, first_error
from ..migrate.schema import SchemaTooOld

MISSING = {1054, 1146, 1176}  # codes of MySQL and MariaDB: no such column, table, index
DENIED = {1044, 1142, 1143, 1227, 1370}  # a right is missing: of a database, table, column, server, routine
STATEMENTS = 1665  # a binary log of statements, which READ COMMITTED does not allow
REFUSED = {1364, 1644, 3819, 4025}  # by the table's owner: a column without a default, a trigger, a constraint


class ArtefactUnusable(ServiceError):
    """The artefact is missing or altered, or its model cannot be loaded or does not pass its checks."""

    exit_code = Exit.ARTEFACT


class DatabaseUnavailable(ServiceError):
    """The database cannot be reached, or refuses what the program does."""

    exit_code, status = Exit.DATABASE, 503


def find_cause(error: BaseException) -> ServiceError | None:
    """Return `error` without SQL, values and credentials; None if it is of no known kind."""
    if isinstance(error, ArtifactRefused):
        return ArtefactUnusable(" ".join(str(error).split()))
    if isinstance(error, ValidationError) and error.title.endswith("Settings"):
        name, _, fault = first_error(error).partition(": ")
        return ServiceError(f"{name.upper()}: {fault}")
    if isinstance(error, OSError):
        return ServiceError(str(error))
    if not isinstance(error, DBAPIError) or not (cause := error.orig):
        return None
    codes = {*cause.args[:1]}
    if "no such" in str(cause) or MISSING & codes:
        return SchemaTooOld(f"the database lacks a table or an index, run `python -m batch.migrate`: {cause}")
    if STATEMENTS in codes:
        return DatabaseUnavailable(
            f"the database's binary log cannot hold a write, set binlog_format=ROW or MIXED: {cause}"
        )
    if DENIED & codes:
        return DatabaseUnavailable(f"the database's user lacks a right, grant it: {cause}")
    if isinstance(error, IntegrityError | DataError) or REFUSED & codes:
        return DatabaseUnavailable(f"the database refuses what is written, see the table's own rules: {cause}")
    known = type(error) in (OperationalError, InterfaceError, DatabaseError)
    return DatabaseUnavailable(f"database unavailable: {cause}") if known else None
