"""Write the predictions to a CSV or Parquet file, or to stdout: one line for each row that is done, by rising id.

The table is read page by page, each as it stands at that moment: a row that becomes done behind the page being read
is not in the file.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine
from tenacity import Retrying

from . import queries, schema, settings
from .artifact import open_artifact
from .database import connect, readers, retrying
from .exits import end_on_sigterm, one_line
from .outputs import Columns, ExportRefused, Format, format_of, open_output
from .progress import progress

PAGE_ROWS = 5_000

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    output: Annotated[Path, typer.Argument(allow_dash=True, help="The file, or - for stdout.")],
    kind: Annotated[
        Format | None, typer.Option("--format", help="By default what the file's name ends in, csv for stdout.")
    ] = None,
) -> None:
    """Parse, read, write, say how much."""
    end_on_sigterm()
    with one_line():
        kind, configuration = kind or format_of(output), settings.load()
        shapes = Shapes(configuration)
        engine, exported = readers(connect(configuration)), 0
        again = retrying(configuration.database_retry_seconds)
        total = again(_count, engine)
        with open_output(output, kind, shapes.columns) as write, progress("read", total) as report:
            for page in pages(engine, again):
                write([shapes.line(row) for row in page])
                exported += len(page)
                report(exported)
        typer.echo(f"{exported:,} rows written to {output}", err=True)


def pages(engine: Engine, again: Retrying) -> Iterator[Sequence[queries.Predicted]]:
    """Yield the rows that are done, in pages; one that is lost with its connection is read again."""
    after = 0
    while page := again(_page, engine, after):
        yield page
        after = page[-1].id


class Shapes:
    """The columns of the file, as the model's manifest gives them; rows of other versions must have the same."""

    def __init__(self, configuration: settings.Settings) -> None:
        self._model_dir = configuration.model_dir
        manifest = open_artifact(configuration.model_dir, configuration.model_version).manifest
        self._shape = _shape(manifest)
        width, labels = self._shape
        self.columns: Columns = {
            "id": int,
            **{f"value_{number}": float for number in range(1, width + 1)},
            "label": str,
            **{f"probability_{label}": float for label in labels},
            "model_version": int,
            "updated_at": datetime,
        }
        self._fits = cache(self._has_same_shape)

    def line(self, row: queries.Predicted) -> list[Any]:
        """Return a row's cells.

        Raises:
            ExportRefused: another version predicted it, whose inputs or labels are not those of the columns.
            ArtifactRefused: that version is not on disk, so nobody can tell.
        """
        moment = row.updated_at.replace(tzinfo=UTC)
        cells = [row.id, *row.values, row.label, *row.prediction, row.model_version, moment]
        if len(cells) != len(self.columns) or not self._fits(row.model_version):
            raise ExportRefused(f"row {row.id}: model version {row.model_version} has other inputs or labels")
        return cells

    def _has_same_shape(self, version: int) -> bool:
        return _shape(open_artifact(self._model_dir, version).manifest) == self._shape


def _shape(manifest: dict[str, Any]) -> tuple[int, list[str]]:
    return manifest["inputs"][0]["shape"][1], manifest["labels"]


def _count(engine: Engine) -> int:
    with engine.begin() as connection:
        schema.check(connection)
        return queries.count_done(connection)


def _page(engine: Engine, after: int) -> Sequence[queries.Predicted]:
    with engine.begin() as connection:
        return queries.predicted(connection, after, PAGE_ROWS)


if __name__ == "__main__":
    app()
