"""Print how many rows wait, are done and failed, how long the oldest has waited, and how the last runs ended.

Exit codes: 0 printed; 2 bad usage or a wrong setting; 4 the database is unavailable; 7 the schema is too old.
"""

import json
from datetime import datetime
from operator import call
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, String, func, select, type_coerce

from ..database import Call, connect, read
from ..errors import ServiceError, exit_in_one_line
from ..migrate import schema
from ..migrate.stored import as_stored
from ..retry import retrying  # optional: retry
from ..settings import Settings
from ..tables import Item, State
from .last_runs import last_runs

RUN = (
    "{started_at}  {outcome:<13}  {rows_done:>11,} done {rows_failed:>7,} failed {rows_held:>7,} held {seconds:>9.1f} s"
)
RUN += "  model {model_version}  {policy}  {host}:{pid}  {scope}"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    runs: Annotated[int, typer.Option(min=0, max=10_000, help="How many of the last runs.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Parse, read, print."""
    with exit_in_one_line():
        engine = connect(Settings())
        again: Call = call
        again = retrying()  # optional: retry
        found = again(read, engine, _checked_status, runs)
        typer.echo(json.dumps(found, default=datetime.isoformat) if as_json else _words(found))


class BadTime(ServiceError):
    """Another program has written what is not a time."""


def _checked_status(connection: Connection, runs: int) -> dict[str, Any]:
    schema.check(connection)
    return status(connection, runs)


def status(connection: Connection, runs: int) -> dict[str, Any]:
    """Return counts by state and by model version, the age of the oldest pending row in seconds, and the last runs."""
    rows, versions = dict.fromkeys((state.value for state in State), 0), {}
    waiting: list[Any] = []
    # A row that was set back to pending keeps its version. Without STRICT a server stores unknown states as "".
    kind, created = (type_coerce(Item.state, String), Item.model_version), as_stored(Item.created_at).type
    for state, version, count, oldest in connection.execute(
        select(*kind, func.count(), func.min(Item.created_at, type_=created)).group_by(*kind).order_by(*kind)
    ):
        rows[state] = rows.get(state, 0) + count
        if state == State.DONE:
            versions[version] = count
        elif state == State.PENDING:
            waiting.append(oldest)
    if odd := next((moment for moment in waiting if isinstance(moment, str)), None):
        raise BadTime(f"created_at of a pending row is {odd!r}, not a UTC time as 2026-01-31 12:00:00: correct it")
    now, first = connection.execute(select(func.now())).scalar_one(), min(waiting, default=None)
    return {
        "rows": rows,
        "model_versions": versions,
        "oldest_pending_seconds": (now - first).total_seconds() if first else None,
        "runs": last_runs(connection, runs, now),
    }


def _words(found: dict[str, Any]) -> str:
    oldest = found["oldest_pending_seconds"]
    notes = {
        "pending": "" if oldest is None else f"the oldest for {oldest:,.0f} s",
        "done": ", ".join(f"model {version}: {count:,}" for version, count in found["model_versions"].items()),
    }
    lines = [
        f"{state or repr(state):<8}{count:>13,}  {notes.get(state, '')}".rstrip()
        for state, count in found["rows"].items()
    ]
    return "\n".join([*lines, *(RUN.format(**run).rstrip() for run in found["runs"])])


if __name__ == "__main__":
    app()
