"""Bring the database's schema to the newest revision; with --check, say whether it is there and change nothing.

Exit codes: 0 it is there; 2 a wrong setting; 4 the database is unavailable; 7 with --check, it is older.
"""

from typing import Annotated

import typer

from . import schema, settings
from .database import connect, readers, retrying
from .exits import end_on_sigterm, one_line

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(check: Annotated[bool, typer.Option("--check", help="Change nothing.")] = False) -> None:
    """Parse, upgrade, say so."""
    end_on_sigterm()
    with one_line():
        configuration = settings.load()
        engine = connect(configuration, read_timeout=None)  # an index on a large table takes its time
        if check:
            with readers(engine).connect() as connection:
                schema.check(connection)
        else:
            before = retrying(configuration.database_retry_seconds)(schema.upgrade, engine)
            if schema.is_older(before):
                typer.echo(f"upgraded from schema {before}")
        typer.echo(f"{engine.url.render_as_string(hide_password=True)} has schema {schema.REVISION}")


if __name__ == "__main__":
    app()
