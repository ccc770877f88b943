"""Upgrade the database to the newest schema; with --check, only check whether it has that schema.

Exit codes: 0 it has; 2 a wrong setting; 4 the database is unavailable; 7 it is not ours, or, with --check, too old.
"""

from operator import call
from typing import Annotated

import typer
from sqlalchemy import Connection

from ..database import Call, connect, read
from ..errors import exit_in_one_line
from ..retry import retrying  # optional: retry
from ..settings import Settings
from . import schema
from .owner import check_owner

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(check: Annotated[bool, typer.Option("--check", help="Change nothing.")] = False) -> None:
    """Parse, upgrade, print the schema."""
    with exit_in_one_line():
        engine = connect(Settings(), read_timeout=None)  # an index on a large table takes its time
        again: Call = call
        again = retrying()  # optional: retry
        if check:
            read(engine, check_all)
        else:
            before = again(schema.upgrade, engine)
            if schema.is_older(before):
                typer.echo(f"upgraded from schema {before}")
        typer.echo(f"{engine.url.render_as_string(hide_password=True)} has schema {schema.REVISION}")


def check_all(connection: Connection) -> None:
    """Raise the first difference between the database and the newest schema."""
    schema.check(connection)
    check_owner(connection, schema.REVISION)
    schema.check_indexes(connection)


if __name__ == "__main__":
    app()
