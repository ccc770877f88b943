"""Each new connection uses the current password. Connections to a server that became read-only are replaced."""

import logging
from typing import Any

from pydantic import FilePath
from pydantic_settings import BaseSettings
from sqlalchemy import Engine, ExceptionContext, event

from ..errors import Exit, ServiceError
from ..settings import FROM_ENVIRONMENT
from .session import set_up_session

# Codes of MySQL and MariaDB: a Galera node outside its cluster, --read-only, a read-only transaction, read-only mode.
READ_ONLY = {1047, 1290, 1792, 1836}
RESERVED = 2_048  # bytes of a packet that hold no rows


class NoPassword(ServiceError):
    """The file of the password cannot be read."""

    exit_code, status = Exit.DATABASE, 503


class ConnectionSettings(BaseSettings):
    """The file whose password replaces that of the URL."""

    model_config = FROM_ENVIRONMENT

    database_password_file: FilePath | None = None


def heal(engine: Engine) -> None:
    """Make an engine set up each new connection, and replace connections to a server that became read-only."""
    file = ConnectionSettings().database_password_file
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)  # tracebacks of connections that were lost

    event.listen(engine, "connect", set_up_session, insert=True)  # before SQLAlchemy asks for the mode and its quotes

    @event.listens_for(engine, "do_connect")
    def use_password(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
        try:
            password = file.read_text().strip() if file else parameters.get("password") or ""
        except OSError as error:
            raise NoPassword(f"database unavailable: {file} cannot be read: {error.strerror}") from error
        parameters["password"] = password.encode()  # the driver would encode it as Latin-1

    @event.listens_for(engine, "connect")
    def fit_inserts(connection: Any, _: Any) -> None:
        """Let the driver cut an INSERT of many rows into statements that the server accepts."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@max_allowed_packet")
            most = min(cursor.max_stmt_length, cursor.fetchone()[0] - RESERVED)
        connection.cursorclass = type("Bounded", (connection.cursorclass,), {"max_stmt_length": most})

    @event.listens_for(engine, "handle_error")
    def replace_reader(context: ExceptionContext) -> None:
        """After a failover the address may lead to another server, so every open connection is given up."""
        if READ_ONLY & {*context.original_exception.args[:1]}:
            context.is_disconnect = True
