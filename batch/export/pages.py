"""The rows that are done, page by page, as cells of a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Engine, func, select

from ..artifact import open_artifact
from ..errors import ServiceError
from ..migrate import schema
from ..migrate.stored import as_stored
from ..settings import Settings
from ..tables import Item, State
from .columns import Columns, answer_columns, flat, value_columns
from .versions import Shape, newest_of_rows, read_versions

PAGE_ROWS = 5_000
Again = Callable[..., Any]
BY_ID = "FORCE INDEX (items_state_id)"  # without it MySQL may walk the whole table by primary key


COLUMNS: Sequence[Any] = (Item.id, Item.key, as_stored(Item.values), Item.label, as_stored(Item.prediction))
COLUMNS = (*COLUMNS, Item.model_version, as_stored(Item.updated_at))


class ExportRefused(ServiceError):
    """The file cannot be written as requested."""


class DoneRow(NamedTuple):
    """A row that is done; the time is UTC."""

    id: int
    key: str | None
    values: Any
    label: str | None
    prediction: Any
    model_version: int
    updated_at: datetime | str  # text: another program has written it


def pages(engine: Engine, again: Again) -> Iterator[Sequence[Any]]:
    """Yield the rows that are done, in pages; a page that is lost with its connection is read again."""
    after: int | None = None  # ids below 1 are possible, too
    while page := again(_page, engine, after):
        yield page
        after = page[-1].id


class Shapes:
    """The columns of the file, as one model version gives them; rows of other versions must have the same.

    Versions have their shapes in the database; those that predicted rows before shapes were stored have them on disk.
    """

    def __init__(self, settings: Settings, stored: Mapping[int, Shape], newest: int | None) -> None:
        self._model_dir, self._stored = settings.model_dir, stored
        shape = self._find(newest if settings.model_version is None else settings.model_version)
        self._shape = values, answers = _shape(shape)
        self._names, self._labels = [entry["name"] for entry in shape["inputs"]], shape.get("labels") or []
        first, last = {"id": int, "key": str}, {"model_version": int, "updated_at": datetime}
        self.columns: Columns = {**first, **values, **answers, **last}
        self._fits = cache(self._has_same_shape)

    def line(self, row: DoneRow) -> list[Any]:
        """Return a row's cells.

        Raises:
            ExportRefused: a version with other inputs or labels than the columns have predicted it, or no version did,
                or another program has changed the row since.
            ArtifactRefused: the shape of that version is neither in the database nor on disk.
        """
        if row.prediction is None:  # another program has written the state
            raise ExportRefused(f"row {row.id}: it is done without a prediction; set it back to pending")
        fits = self._fits(row.model_version)
        values, answers = self._values(row), self._answers(row)
        if not fits or len(values) + len(answers) != sum(map(len, self._shape)):
            raise ExportRefused(f"row {row.id}: model version {row.model_version} has other inputs or labels")
        if not isinstance(row.updated_at, datetime):
            raise ExportRefused(
                f"row {row.id}: updated_at is {row.updated_at!r}, not a UTC time as 2026-01-31 12:00:00; correct it"
            )
        return [row.id, row.key, *values, *answers, row.model_version, row.updated_at.replace(tzinfo=UTC)]

    def _values(self, row: DoneRow) -> list[Any]:
        values = row.values
        if isinstance(values, dict) and self._names and values.keys() == {*self._names}:
            values = flat(values[name] for name in self._names)
        if not isinstance(values, list) or any(isinstance(value, list | dict) for value in values):
            raise ExportRefused(f"row {row.id}: its values are not those of a row; set it back to pending")
        return values

    def _answers(self, row: DoneRow) -> list[Any]:
        numbers = flat([row.prediction])
        if isinstance(row.prediction, dict):  # the likeliest labels; those of the others are not known
            numbers = list(row.prediction.values()) if row.prediction.keys() <= {*self._labels} else [None]
        if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
            raise ExportRefused(f"row {row.id}: its prediction is not one of this model's; set it back to pending")
        if isinstance(row.prediction, dict):
            numbers = [row.prediction.get(label) for label in self._labels]
        return numbers if row.label is None else [row.label, *numbers]

    def _find(self, version: int | None) -> Shape:
        if version is not None and version in self._stored:
            return self._stored[version]
        return open_artifact(self._model_dir, version).manifest

    def _has_same_shape(self, version: int) -> bool:
        return _shape(self._find(version)) == self._shape


def _shape(manifest: Shape) -> tuple[Columns, Columns]:
    return value_columns(manifest), answer_columns(manifest)


def open_shapes(engine: Engine, settings: Settings) -> tuple[Shapes, int]:
    """Return the shapes, and how many rows are done; raise `SchemaTooOld` if the tables are not what is needed."""
    with engine.begin() as connection:
        schema.check(connection)
        shapes = Shapes(settings, read_versions(connection), newest_of_rows(connection))
        done = select(func.count()).where(Item.state == State.DONE)
        return shapes, int(connection.execute(done).scalar_one())


def _page(engine: Engine, after: int | None) -> Sequence[DoneRow]:
    query = select(*COLUMNS).where(Item.state == State.DONE).with_hint(Item, BY_ID)
    if after is not None:
        query = query.where(Item.id > after)
    with engine.begin() as connection:
        return [DoneRow(*row) for row in connection.execute(query.order_by(Item.id).limit(PAGE_ROWS))]
