"""The table: input rows, their states and their predictions."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, TIMESTAMP, BigInteger, CheckConstraint, Enum, Index, Integer, String, func
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LABEL_LENGTH, REASON_LENGTH = 255, 500
UTF8 = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}
# Keys are compared letter by letter: a collation for words would treat C-1 and c-1 as equal.
KEY = String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")


class State(StrEnum):
    """The state of a row; only `done` rows have a prediction."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class Base(DeclarativeBase):
    """The schema after the newest migration in `migrate/versions`. Enumerations are stored by value."""

    type_annotation_map = {StrEnum: Enum(StrEnum, values_callable=list, create_constraint=True)}  # noqa: RUF012


class Item(Base):
    """One input row and its prediction.

    `values` is a JSON list, or an object by the names of the model's inputs. `prediction` is the JSON list of the
    probabilities, or what a regressor answers, which has no label. Times are UTC.
    """

    __tablename__ = "items"
    __table_args__ = (
        # A claim is a range of this index, so its cost depends on the rows it returns and not on the size of the table.
        Index("items_state_id", "state", "id"),
        # MySQL and MariaDB themselves refuse text that is not JSON.
        CheckConstraint('json_valid("values")', name="items_values_json").ddl_if(dialect="sqlite"),
        UTF8,
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    key: Mapped[str | None] = mapped_column(KEY)  # of the row's owner
    values: Mapped[Any] = mapped_column(JSON)
    state: Mapped[State] = mapped_column(server_default=State.PENDING.value)
    prediction: Mapped[list[float] | float | None] = mapped_column(JSON(none_as_null=True))
    label: Mapped[str | None] = mapped_column(String(LABEL_LENGTH))
    model_version: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())
