"""Print how many rows wait, are done and failed, how long the oldest has waited, and how the last runs ended.

Exit codes: 0 printed; 2 bad usage or a wrong setting; 4 the database is unavailable; 7 the schema is too old.
"""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, func, select

from ..database import connect, read, retrying
from ..errors import end_on_sigterm, exit_in_one_line
from ..migrate import schema
from ..settings import load_settings
from ..tables import Item, State
from .tables import Outcome, Run

RUN = "{started_at}  {outcome:<13}  {rows_done:>11,} done {rows_failed:>7,} failed {seconds:>9.1f} s"
RUN += "  model {model_version}  {policy}  {host}:{pid}  {scope}"

LOST_AFTER = timedelta(minutes=2)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    runs: Annotated[int, typer.Option(min=0, max=10_000, help="How many of the last runs.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Parse, read, print."""
    end_on_sigterm()
    with exit_in_one_line():
        settings = load_settings()
        found = retrying(settings.database_retry_seconds)(read, connect(settings), _checked_status, runs)
        typer.echo(json.dumps(found, default=datetime.isoformat) if as_json else _words(found))


def _checked_status(connection: Connection, runs: int) -> dict[str, Any]:
    schema.check(connection)
    return status(connection, runs)


def status(connection: Connection, runs: int) -> dict[str, Any]:
    """Return counts by state and by model version, the age of the oldest pending row in seconds, and the last runs."""
    rows, versions = dict.fromkeys((state.value for state in State), 0), {}
    counts = select(Item.state, Item.model_version, func.count()).group_by(Item.state, Item.model_version)
    for state, version, count in connection.execute(counts):
        rows[state.value] += count
        if version is not None:
            versions[version] = count
    now = connection.execute(select(func.now())).scalar_one()
    waiting = Item.state == State.PENDING, Item.model_version.is_(None)
    oldest = connection.execute(select(func.min(Item.created_at)).where(*waiting)).scalar_one()  # one entry of an index
    return {
        "rows": rows,
        "model_versions": versions,
        "oldest_pending_seconds": (now - oldest).total_seconds() if oldest else None,
        "runs": last_runs(connection, runs, now),
    }


def last_runs(connection: Connection, limit: int, now: datetime) -> list[dict[str, Any]]:
    """Return the last runs, the newest first; a run without a heartbeat for LOST_AFTER is `lost`."""
    query = select(Run.__table__).order_by(Run.id.desc()).limit(limit)
    runs = [dict(row) for row in connection.execute(query).mappings()]
    for run in runs:
        run["outcome"] = run["outcome"].value
        if run["outcome"] == Outcome.RUNNING and now - run["seen_at"] > LOST_AFTER:
            run["outcome"] = "lost"
    return runs


def _words(found: dict[str, Any]) -> str:
    oldest = found["oldest_pending_seconds"]
    notes = {
        "pending": "" if oldest is None else f"the oldest for {oldest:,.0f} s",
        "done": ", ".join(f"model {version}: {count:,}" for version, count in sorted(found["model_versions"].items())),
    }
    lines = [f"{state:<8}{count:>13,}  {notes.get(state, '')}".rstrip() for state, count in found["rows"].items()]
    return "\n".join([*lines, *(RUN.format(**run).rstrip() for run in found["runs"])])


if __name__ == "__main__":
    app()
