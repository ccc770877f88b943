"""The table `runs`."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import TIMESTAMP, BigInteger, Double, Integer, String, func
from sqlalchemy.orm import Mapped, mapped_column

from ..tables import UTF8, Base


class Outcome(StrEnum):
    """How a run ended; one that was killed stays `running`, without a heartbeat."""

    RUNNING = "running"
    DONE = "done"
    ROWS_FAILED = "rows failed"
    DEADLINE = "deadline"
    DATABASE_LOST = "database lost"
    TERMINATED = "terminated"
    CRASHED = "crashed"


class Run(Base):
    """One run of the job. `seen_at` is the time of its last heartbeat, which also wrote the rows committed by then."""

    __tablename__ = "runs"
    __table_args__ = UTF8

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    outcome: Mapped[Outcome] = mapped_column(server_default=Outcome.RUNNING.value)
    model_version: Mapped[int]
    rows_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_failed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_held: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seconds: Mapped[float] = mapped_column(Double, server_default="0")
    policy: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(255))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
