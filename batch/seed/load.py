"""A load that continues where an earlier one ended: its place is stored with each chunk, in the same transaction."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import BigInteger, Engine, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from ..errors import ServiceError
from ..tables import KEY, UTF8, Base, Item

Row = tuple[Any, str | None]


class LoadBusy(ServiceError):
    """Another program works on the same load."""


class NoSuchLoad(ServiceError):
    """There is no load of the name that was given."""


class LoadPlace(Base):
    """A load by its name, and how many of its rows are stored."""

    __tablename__ = "loads"
    __table_args__ = UTF8

    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    rows_done: Mapped[int] = mapped_column(BigInteger)


def open_load(engine: Engine, name: str, resumed: bool = False) -> int:
    """Return how many rows of a load are stored; a new one begins with 0.

    Raises:
        NoSuchLoad: there is no load to be `resumed`. A new one would store all its rows again.
    """
    with engine.begin() as connection:
        done = connection.scalar(select(LoadPlace.rows_done).where(LoadPlace.name == name))
        if done is None and resumed:
            raise NoSuchLoad(f"--resume: there is no load {name}")
        if done is None:
            connection.execute(insert(LoadPlace).values(name=name, rows_done=0))
        return done or 0


def skip(chunks: Iterable[Sequence[Row]], rows: int) -> Iterator[Sequence[Row]]:
    """Yield the rows after the first `rows` ones."""
    for chunk in chunks:
        if rows < len(chunk):
            yield chunk[rows:]
        rows = max(rows - len(chunk), 0)


def add_chunk(engine: Engine, name: str, place: int, rows: Sequence[Row], add: Callable[..., Any]) -> None:
    """Store the rows that follow the first `place` ones of a load, unless they are stored already.

    They are stored already if the connection was lost after the commit and before its answer.

    Raises:
        LoadBusy: the load is at another place.
    """
    with engine.begin() as connection:
        query = select(LoadPlace.rows_done).where(LoadPlace.name == name).with_for_update()
        done = connection.execute(query).scalar_one()
        if done == place + len(rows):
            return
        if done != place:
            raise LoadBusy(f"the load {name} is at row {done:,}, this program at {place:,}: another program uses it")
        add(connection, rows)
        connection.execute(update(LoadPlace).where(LoadPlace.name == name).values(rows_done=place + len(rows)))


def add_rows(connection: Any, rows: Sequence[Row]) -> None:
    """Insert rows; a key that is stored already is an error of the database."""
    connection.execute(insert(Item), [{"values": values, "key": key} for values, key in rows])


def new_name(file: Path | None) -> str:
    """Return a name that no other load has."""
    source = "rows" if file is None else "stdin" if str(file) == "-" else file.name
    plain = re.sub(r"[^\w.-]+", "_", source.encode("ascii", "replace").decode())  # a word in a shell
    return f"{plain[:200]}-{uuid4().hex[:8]}"


class Load:
    """A load in this program: where it began, and how far it has come."""

    def __init__(
        self, engine: Engine, again: Callable[..., Any], add: Callable[..., Any], name: str, *, resumed: bool = False
    ) -> None:
        self._engine, self._again, self._add, self._name = engine, again, add, name
        self._place = self._before = again(open_load, engine, name, resumed)
        self.complete, self.note = False, ""

    def rest(self, chunks: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
        """Yield the rows after those that are stored."""
        return skip(chunks, self._before)

    def add(self, chunk: Sequence[Row]) -> None:
        """Store the next rows."""
        self._again(add_chunk, self._engine, self._name, self._place, chunk, self._add)
        self._place += len(chunk)

    def __str__(self) -> str:
        where = self._engine.url.render_as_string(hide_password=True)
        more = f"; to continue after them: --resume {self._name}" if self._place and not self.complete else ""
        return f"{self._place - self._before:,} rows added to {where}{self.note}{more}"
