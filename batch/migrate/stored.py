"""Columns as they are stored, for programs that show or check what others may have written."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Dialect, String, type_coerce
from sqlalchemy.types import TypeDecorator, TypeEngine


class AsStored(TypeDecorator[Any]):
    """A type whose values are read if they can be, and returned as text if not: a date in words, an unknown state."""

    impl, cache_ok = String, True

    def __init__(self, kind: TypeEngine[Any]) -> None:
        """Read values of the type `kind`."""
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database."""
        return dialect.type_descriptor(self.kind)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return a function that reads a value; None if the driver has read it."""
        read = super().result_processor(dialect, coltype)

        def read_or_keep(stored: Any) -> Any:
            try:
                found = stored if stored is None or read is None else read(stored)
            except (LookupError, TypeError, ValueError, RecursionError):
                return stored.decode(errors="replace") if isinstance(stored, bytes) else str(stored)
            # The table keeps times in UTC, without a zone, and compares their texts.
            return str(stored) if isinstance(found, datetime) and found.tzinfo else found

        return read_or_keep


def as_stored(column: Any) -> ColumnElement[Any]:
    """Return a column whose values need not be of its type."""
    return type_coerce(column, AsStored(column.type)).label(column.key)


def as_utc(moment: datetime | str) -> datetime | str:
    """Return a stored time with its zone, or the text that another program has written."""
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else moment
