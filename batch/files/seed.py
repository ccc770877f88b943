"""Add Iris-like rows; the same seed gives the same rows."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import numpy as np
import typer
from sqlalchemy import Connection, insert

from ..database import connect, retrying
from ..errors import end_on_sigterm, exit_in_one_line
from ..migrate.schema import upgrade_embedded
from ..settings import load_settings
from ..tables import Item
from .csv_rows import CsvFile, rows_of
from .progress import with_progress

CHUNK_ROWS = 2_000
# Sepal length and width, petal length and width, in cm: mean and standard deviation of setosa, versicolor, virginica.
MEANS = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
DEVIATIONS = np.array([[0.35, 0.38, 0.17, 0.11], [0.52, 0.31, 0.47, 0.20], [0.64, 0.32, 0.55, 0.27]])

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def flowers(rows: int, seed: int) -> Iterator[list[list[float]]]:
    """Yield `rows` rows of four lengths in cm, in chunks; a longer result begins with the rows of a shorter one."""
    random = np.random.default_rng(seed)
    for start in range(0, rows, CHUNK_ROWS):
        kinds = random.integers(len(MEANS), size=CHUNK_ROWS)
        lengths = random.normal(MEANS[kinds], DEVIATIONS[kinds]).clip(min=0.1).round(1)
        yield lengths[: rows - start].tolist()


def add(connection: Connection, rows: Iterable[Any]) -> None:
    """Insert rows, each a list of numbers."""
    connection.execute(insert(Item), [{"values": row} for row in rows])


@app.command(help=__doc__)
def main(
    rows: Annotated[int | None, typer.Option(min=0, help="Iris-like rows to add.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Other numbers give other rows.")] = 0,
    file: CsvFile = None,
) -> None:
    """Parse, add; print how much was added, however it ends."""
    if rows is not None and file is None:
        chunks = flowers(rows, seed)
    elif file is not None and rows is None:
        chunks = rows_of(file, CHUNK_ROWS)
    else:
        raise typer.BadParameter("give either --rows or --csv")
    end_on_sigterm()
    with exit_in_one_line():
        settings = load_settings()
        engine, added = connect(settings), 0
        retrying(settings.database_retry_seconds)(upgrade_embedded, engine)
        try:
            for chunk in with_progress("added", chunks, rows):
                with engine.begin() as connection:
                    add(connection, chunk)
                added += len(chunk)
        finally:
            typer.echo(f"{added:,} rows added to {engine.url.render_as_string(hide_password=True)}")


if __name__ == "__main__":
    app()
