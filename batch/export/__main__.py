"""Write the predictions to a CSV or Parquet file, or to stdout: one line for each row that is done, by rising id.

Each page of the table is read as it is at that moment: a row that becomes done after the page that would hold it was
read is not in the file.
"""

from contextlib import ExitStack
from operator import call
from pathlib import Path
from typing import Annotated

import typer

from ..database import Call, connect
from ..embedded import readers  # optional: embedded
from ..errors import exit_in_one_line
from ..feed import Since, SinceCursor  # optional: feed
from ..progress import progress  # optional: progress
from ..retry import retrying  # optional: retry
from ..settings import Settings
from . import pages
from .outputs import Format, format_of, open_output

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    output: Annotated[Path, typer.Argument(allow_dash=True, help="The file, or - for stdout.")],
    kind: Annotated[
        Format | None, typer.Option("--format", help="By default what the file's name ends in, csv for stdout.")
    ] = None,
    since_cursor: SinceCursor = None,  # optional: feed
) -> None:
    """Parse, read, write, print how much."""
    with exit_in_one_line(), ExitStack() as stack:
        kind, settings = kind or format_of(output), Settings()
        again: Call = call
        again = retrying()  # optional: retry
        engine, exported = connect(settings), 0
        engine = readers(engine)  # optional: embedded
        report: Call = print_nothing
        shapes, total = again(pages.open_shapes, engine, settings)
        found = pages.pages(engine, again)
        since = Since(engine, again, since_cursor, pages.COLUMNS)  # optional: feed
        found = since.pages(found)  # optional: feed
        report = stack.enter_context(progress("read", total))  # optional: progress
        with open_output(output, kind, shapes.columns) as write:
            for page in found:
                write([shapes.line(pages.DoneRow(*row)) for row in page])
                exported += len(page)
                report(exported)
        since.print_cursor()  # optional: feed
        typer.echo(f"{exported:,} rows written to {output}", err=True)


def print_nothing(rows: int) -> None:
    """Show no progress."""


if __name__ == "__main__":
    app()
