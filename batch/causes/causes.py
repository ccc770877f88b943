"""What an error of another library means for the operator."""

from pydantic import ValidationError
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError

from ..artifact import ArtifactRefused
from ..errors import DatabaseUnavailable, Exit, ServiceError, first_error
from ..migrate.schema import SchemaTooOld

MISSING = {1054, 1146, 1176}  # codes of MySQL and MariaDB: no such column, table, index


class ArtefactUnusable(ServiceError):
    """The artefact is missing, altered, or not a model whose answers are known to be right."""

    exit_code = Exit.ARTEFACT


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
    if "no such" in str(cause) or MISSING & {*cause.args[:1]}:
        return SchemaTooOld(f"the database lacks a table or an index, run `python -m batch.migrate`: {cause}")
    known = type(error) in (OperationalError, InterfaceError, DatabaseError)
    return DatabaseUnavailable(f"database unavailable: {cause}") if known else None
