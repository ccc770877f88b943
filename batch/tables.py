"""The tables: rows that wait for a prediction and what became of them, and the runs that saw to it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, TIMESTAMP, BigInteger, CheckConstraint, Double, Enum, Index, Integer, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

REASON_LENGTH = 500
UTF8 = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


class State(StrEnum):
    """Where a row stands; only `done` rows carry a prediction."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class Base(DeclarativeBase):
    """The schema as the newest of the `migrations` leaves it."""


def names_of(words: type[StrEnum]) -> Enum:
    """Return the type of a column that holds one of `words`, as they are written."""
    return Enum(words, values_callable=lambda members: [member.value for member in members], create_constraint=True)


class Item(Base):
    """One input row and its prediction.

    `values` is a JSON list of numbers, `prediction` the JSON list of the model's float32 probabilities, each written
    with all digits of its double, so that it reads back equal. Times are UTC: every connection sets its zone.
    """

    __tablename__ = "items"
    __table_args__ = (
        # A claim and a page read this index from one id on, so they cost what they return, not what the table holds.
        Index("items_state_id", "state", "id"),
        # The same for rows of a time or of an older model; the status counts in it. Only `done` rows have a version.
        Index("items_scope", "state", "model_version", "created_at", "id"),
        # MySQL and MariaDB refuse what is not JSON by themselves.
        CheckConstraint('json_valid("values")', name="items_values_json").ddl_if(dialect="sqlite"),
        UTF8,
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    values: Mapped[Any] = mapped_column(JSON)
    state: Mapped[State] = mapped_column(names_of(State), server_default=State.PENDING.value)
    prediction: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    label: Mapped[str | None] = mapped_column(String(255))
    model_version: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())


class Outcome(StrEnum):
    """How a run ended; one that was killed stays `running`, without a sign of life."""

    RUNNING = "running"
    DONE = "done"
    ROWS_FAILED = "rows failed"
    DEADLINE = "deadline"
    DATABASE_LOST = "database lost"
    TERMINATED = "terminated"
    CRASHED = "crashed"


class Run(Base):
    """One run of the job. `seen_at` is when it last said that it lives, and how many rows it had committed by then."""

    __tablename__ = "runs"
    __table_args__ = UTF8

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    outcome: Mapped[Outcome] = mapped_column(names_of(Outcome), server_default=Outcome.RUNNING.value)
    model_version: Mapped[int]
    rows_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_failed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seconds: Mapped[float] = mapped_column(Double, server_default="0")
    policy: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(255))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
