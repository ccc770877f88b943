"""Add rows: Iris-like ones, the same for the same seed, or those of a CSV file.

A line of the file that is no row of the model ends the load with exit code 2; the rows of the chunks before it stay.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from . import csv_rows, queries, settings
from .artifact import open_artifact
from .database import connect, retrying
from .exits import end_on_sigterm, one_line
from .progress import progress
from .schema import upgrade_embedded

CHUNK_ROWS = 2_000
# Sepal length and width, petal length and width, in cm: mean and standard deviation of setosa, versicolor, virginica.
MEANS = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
DEVIATIONS = np.array([[0.35, 0.38, 0.17, 0.11], [0.52, 0.31, 0.47, 0.20], [0.64, 0.32, 0.55, 0.27]])

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def flowers(rows: int, seed: int) -> Iterator[list[list[float]]]:
    """Yield `rows` rows of four lengths in cm, in chunks; a longer run begins with the rows of a shorter one."""
    random = np.random.default_rng(seed)
    for start in range(0, rows, CHUNK_ROWS):
        kinds = random.integers(len(MEANS), size=CHUNK_ROWS)
        lengths = random.normal(MEANS[kinds], DEVIATIONS[kinds]).clip(min=0.1).round(1)
        yield lengths[: rows - start].tolist()


@app.command(help=__doc__)
def main(
    rows: Annotated[int | None, typer.Option(min=0, help="Iris-like rows to add.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Other numbers give other rows.")] = 0,
    file: Annotated[Path | None, typer.Option("--csv", help="Rows to add: a file, also .gz, or - for stdin.")] = None,
) -> None:
    """Parse, add; say how much was added however it ends."""
    if (rows is None) == (file is None):
        raise typer.BadParameter("give either --rows or --csv")
    end_on_sigterm()
    with one_line():
        configuration = settings.load()
        chunks = flowers(rows or 0, seed) if file is None else _from_file(file, configuration)
        engine = connect(configuration)
        retrying(configuration.database_retry_seconds)(upgrade_embedded, engine)
        added = 0
        try:
            with progress("added", rows) as report:
                for chunk in chunks:
                    with engine.begin() as connection:
                        queries.seed(connection, chunk)
                    added += len(chunk)
                    report(added)
        finally:
            typer.echo(f"{added:,} rows added to {engine.url.render_as_string(hide_password=True)}")


def _from_file(file: Path, configuration: settings.Settings) -> Iterator[list[list[float]]]:
    artifact = open_artifact(configuration.model_dir, configuration.model_version)
    with csv_rows.open_text(file) as lines:
        yield from csv_rows.read(lines, artifact.manifest["inputs"][0]["shape"][1], CHUNK_ROWS)


if __name__ == "__main__":
    app()
