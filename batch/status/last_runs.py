"""The last runs, as the table `runs` has them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from .tables import Outcome, Run

LOST_AFTER = timedelta(minutes=2)


def last_runs(connection: Connection, limit: int, now: datetime) -> list[dict[str, Any]]:
    """Return the last runs, the newest first.

    Two outcomes are not stored: a run without a heartbeat for LOST_AFTER is `lost`; one that only left rows that others
    held is `rows held`.
    """
    query = select(Run.__table__).order_by(Run.id.desc()).limit(limit)
    runs = [dict(row) for row in connection.execute(query).mappings()]
    for run in runs:
        run["outcome"] = run["outcome"].value
        if run["outcome"] == Outcome.RUNNING and now - run["seen_at"] > LOST_AFTER:
            run["outcome"] = "lost"
        elif run["outcome"] == Outcome.DONE and run["rows_held"]:
            run["outcome"] = "rows held"
    return runs
