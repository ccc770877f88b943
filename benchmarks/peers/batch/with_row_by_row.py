# /// script
# requires-python = ">=3.11"
# dependencies = ["sqlalchemy==2.1.9", "pymysql==1.2.4", "onnxruntime==1.32.0", "numpy==2.4.6"]
# ///
"""Row by row, as in the book: `python with_row_by_row.py ROWS` reads, predicts, updates and commits each row alone."""

import os
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np
from iris import LABELS, model, timed
from sqlalchemy import JSON, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    values: Mapped[Any] = mapped_column(JSON)
    state: Mapped[str]
    prediction: Mapped[Any] = mapped_column(JSON)
    label: Mapped[str | None]
    model_version: Mapped[int | None]
    attempts: Mapped[int]
    updated_at: Mapped[datetime]


def main(rows: int) -> None:
    engine, predict = create_engine(os.environ["DATABASE_URL"]), model()
    with Session(engine) as session, timed(rows):
        for row_id in session.scalars(select(Item.id).where(Item.state == "pending").limit(rows)).all():
            item = session.get_one(Item, row_id)
            answer = predict(np.array([item.values], np.float32))[0].tolist()
            item.prediction, item.label = answer, LABELS[answer.index(max(answer))]
            item.state, item.model_version, item.attempts = "done", 1, item.attempts + 1
            item.updated_at = datetime.now(UTC)
            session.commit()


if __name__ == "__main__":
    main(int(sys.argv[1]))
