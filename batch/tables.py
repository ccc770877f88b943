"""The one table: rows that wait for a prediction, and what became of them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, TIMESTAMP, BigInteger, CheckConstraint, Enum, Index, Integer, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

REASON_LENGTH = 500


class State(StrEnum):
    """Where a row stands; only `done` rows carry a prediction."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class Base(DeclarativeBase):
    """The schema; `Base.metadata` is what `create_tables` creates."""


class Item(Base):
    """One input row and its prediction.

    `values` is a JSON list of numbers, `prediction` the JSON list of the model's float32 probabilities, each written
    with all digits of its double, so that it reads back equal. Times are UTC: every connection sets its zone.
    """

    __tablename__ = "items"
    __table_args__ = (
        # A claim and a page read this index from one id on, so they cost what they return, not what the table holds.
        Index("items_state_id", "state", "id"),
        # MySQL and MariaDB refuse what is not JSON by themselves.
        CheckConstraint('json_valid("values")', name="items_values_json").ddl_if(dialect="sqlite"),
        {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"},
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    values: Mapped[Any] = mapped_column(JSON)
    state: Mapped[State] = mapped_column(
        Enum(State, values_callable=lambda states: [state.value for state in states], create_constraint=True),
        server_default=State.PENDING.value,
    )
    prediction: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    label: Mapped[str | None] = mapped_column(String(255))
    model_version: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())
