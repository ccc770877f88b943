"""Write the predictions to a CSV or Parquet file, or to stdout: one line for each row that is done, by rising id.

Each page of the table is read as it is at that moment: a row that becomes done before the current page is not in the
file.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from math import prod
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy import Engine, func, select
from tenacity import Retrying

from ..database import connect, readers, retrying
from ..errors import end_on_sigterm, exit_in_one_line
from ..migrate import schema
from ..predictor import read_artifact
from ..settings import Settings, load_settings
from ..tables import Item, State
from .cells import Column, columns_of
from .outputs import Columns, ExportRefused, Format, format_of, open_output
from .progress import progress

PAGE_ROWS = 5_000
BY_ID = "FORCE INDEX (items_state_id)"  # without it MySQL may walk the whole table by primary key

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class DoneRow(NamedTuple):
    """A row that is done; the time is UTC."""

    id: int
    values: list[Any] | dict[str, Any]
    label: str | None
    prediction: Any
    model_version: int
    updated_at: datetime


@app.command(help=__doc__)
def main(
    output: Annotated[Path, typer.Argument(allow_dash=True, help="The file, or - for stdout.")],
    kind: Annotated[
        Format | None, typer.Option("--format", help="By default what the file's name ends in, csv for stdout.")
    ] = None,
) -> None:
    """Parse, read, write, print how much."""
    end_on_sigterm()
    with exit_in_one_line():
        kind, settings = kind or format_of(output), load_settings()
        shapes = Shapes(settings)
        engine, exported = readers(connect(settings)), 0
        again = retrying(settings.database_retry_seconds)
        total = again(_count, engine)
        with open_output(output, kind, shapes.columns) as write, progress("read", total) as report:
            for page in pages(engine, again):
                write([shapes.line(row) for row in page])
                exported += len(page)
                report(exported)
        typer.echo(f"{exported:,} rows written to {output}", err=True)


def pages(engine: Engine, again: Retrying) -> Iterator[Sequence[DoneRow]]:
    """Yield the rows that are done, in pages; a page that is lost with its connection is read again."""
    after = 0
    while page := again(_page, engine, after):
        yield page
        after = page[-1].id


class Shapes:
    """The columns of the file, as the model's manifest gives them; rows of other versions must have the same."""

    def __init__(self, settings: Settings) -> None:
        self._model_dir = settings.model_dir
        manifest = read_artifact(settings.model_dir, settings.model_version).manifest
        self._shape = _shape(manifest)
        values, answers = self._shape
        self._names = [entry["name"] for entry in manifest["inputs"]]
        self.columns: Columns = {
            "id": int,
            **{f"value_{column.name}": column.kind for column in values},
            **answers,
            "model_version": int,
            "updated_at": datetime,
        }
        self._fits = cache(self._has_same_shape)

    def line(self, row: DoneRow) -> list[Any]:
        """Return a row's cells.

        Raises:
            ExportRefused: another version predicted it, with other inputs or labels than the columns have.
            ModelRefused: that version is not on disk, so its columns are unknown.
        """
        moment = row.updated_at.replace(tzinfo=UTC)
        values = flat(row.values[name] for name in self._names) if isinstance(row.values, dict) else row.values
        answers = flat([row.prediction]) if row.label is None else [row.label, *row.prediction]
        cells = [row.id, *values, *answers, row.model_version, moment]
        if len(cells) != len(self.columns) or not self._fits(row.model_version):
            raise ExportRefused(f"row {row.id}: model version {row.model_version} has other inputs or labels")
        return cells

    def _has_same_shape(self, version: int) -> bool:
        return _shape(read_artifact(self._model_dir, version).manifest) == self._shape


def flat(parts: Iterable[Any]) -> list[Any]:
    """Return the values of parts that are values or lists of them."""
    return [value for part in parts for value in (part if isinstance(part, list) else [part])]


def _shape(manifest: dict[str, Any]) -> tuple[list[Column], Columns]:
    """Return the columns of a row, and those of its answer."""
    if manifest.get("task") != "regression":
        return columns_of(manifest), {"label": str} | {f"probability_{label}": float for label in manifest["labels"]}
    shapes = {output["name"]: output["shape"] for output in manifest["outputs"]}
    count = prod(shapes[manifest.get("output") or next(iter(shapes))][1:])
    return columns_of(manifest), {f"prediction_{n}" if count > 1 else "prediction": float for n in range(1, count + 1)}


def _count(engine: Engine) -> int:
    with engine.begin() as connection:
        schema.check(connection)
        return int(connection.execute(select(func.count()).where(Item.state == State.DONE)).scalar_one())


def _page(engine: Engine, after: int) -> Sequence[DoneRow]:
    columns = Item.id, Item.values, Item.label, Item.prediction, Item.model_version, Item.updated_at
    query = select(*columns).where(Item.state == State.DONE, Item.id > after).with_hint(Item, BY_ID)
    with engine.begin() as connection:
        return [DoneRow(*row) for row in connection.execute(query.order_by(Item.id).limit(PAGE_ROWS))]


if __name__ == "__main__":
    app()
