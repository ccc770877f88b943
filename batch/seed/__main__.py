"""Add rows: those of a CSV file, or Iris-like rows. The same seed gives the same rows.

A load that ends early prints its name; with --resume it continues after the rows that are stored.
"""

from collections.abc import Iterable, Sequence
from operator import call
from typing import Annotated

import typer

from ..database import Call, connect
from ..errors import exit_in_one_line
from ..keys import add_once  # optional: keys
from ..migrate import schema
from ..progress import with_progress  # optional: progress
from ..retry import retrying  # optional: retry
from ..settings import Settings
from ..wide import fit_inserts  # optional: wide
from .flowers import flowers
from .load import Load, Row, add_rows, new_name
from .options import Columns, CsvFile, Decimal, Delimiter, Encoding, Key, Names, check_options, rows_of

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    context: typer.Context,
    rows: Annotated[int | None, typer.Option(min=0, help="Iris-like rows to add.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Other numbers give other rows. By default 0.")] = None,
    file: CsvFile = None,
    key: Key = None,
    columns: Columns = None,
    names: Names = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    resume: Annotated[str | None, typer.Option(help="The name of a load of the same rows that ended early.")] = None,
) -> None:
    """Parse, add; print how much was added, however it ends."""
    with exit_in_one_line():
        check_options(context)
        settings = Settings()
        chunks: Iterable[Sequence[Row]] = ([(row, None) for row in chunk] for chunk in flowers(rows or 0, seed or 0))
        if file is not None:
            chunks = rows_of(settings, file, (delimiter, decimal, names), encoding, columns, key)
        engine = connect(settings)
        again: Call = call
        again = retrying()  # optional: retry
        add: Call = add_rows
        add = add_once if key else add_rows  # optional: keys
        add = fit_inserts(add)  # optional: wide
        again(schema.prepare, engine)
        name = new_name(file) if resume is None else resume
        load = Load(engine, again, add, name, resumed=resume is not None)
        load.note = ", or stored there already" if file and key else ""  # optional: keys
        try:
            chunks = load.rest(chunks)
            chunks = with_progress("added", chunks, rows)  # optional: progress
            for chunk in chunks:
                load.add(chunk)
            load.complete = True
        finally:
            typer.echo(load)


if __name__ == "__main__":
    app()
