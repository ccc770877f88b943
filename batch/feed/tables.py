"""The feed: which rows each committed chunk has completed.

A chunk gets its number by an update of the one row of `feed_position`, whose lock lasts until the chunk is committed.
So numbers are committed in their order and without gaps: a reader who sees a number sees all lower ones.
"""

from sqlalchemy import JSON, BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from ..tables import UTF8, Base


class Completion(Base):
    """A chunk: the rows `ids`, by rising id. Without them: the rows from `first_id` to `last_id` that are done."""

    __tablename__ = "completions"
    __table_args__ = UTF8

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    ids: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    first_id: Mapped[int | None] = mapped_column(BigInteger)
    last_id: Mapped[int | None] = mapped_column(BigInteger)


class Position(Base):
    """The number of the last chunk; one row."""

    __tablename__ = "feed_position"
    __table_args__ = UTF8

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger)
