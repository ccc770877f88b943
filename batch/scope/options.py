"""The options of the job that narrow a run."""

import json
import math
import sys
from typing import Annotated

import typer

from .. import queries
from ..queries import Rows
from ..runner import Runner
from ..stop import Stop
from .deadline import Deadline
from .scope import BadScope, Scope, moment


def _moment(text: str) -> str:
    try:
        return moment(text)
    except BadScope as error:
        raise typer.BadParameter(str(error)) from None


Since = Annotated[str | None, typer.Option(parser=_moment, help="Only rows created at this ISO time (UTC) or later.")]
Until = Annotated[str | None, typer.Option(parser=_moment, help="Only rows created before this ISO time (UTC).")]
MaxRows = Annotated[int | None, typer.Option(min=1, max=sys.maxsize, help="The most rows to try.")]
Seconds = Annotated[float, typer.Option("--deadline", min=0, help="Seconds after which no further chunk begins.")]
Rescore = Annotated[bool, typer.Option("--rescore", help="Instead of the rows that wait, those of an older model.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print how many rows there are to predict; change nothing.")]


def narrow(
    rows: Rows, since: str | None, until: str | None, max_rows: int | None, deadline: float, rescore: bool
) -> tuple[Rows, Stop]:
    """Return the rows and the stop condition of a run with these options; a rescoring does not count attempts."""
    attempts = None if rescore else rows.max_attempts
    scope = Scope(attempts, max_rows, since, until, deadline, rescore)
    return scope, Stop() if deadline == math.inf else Deadline(deadline)


def print_plan(runner: Runner, as_json: bool) -> None:
    """Print how many rows a run would predict."""
    by_state = {state.value: count for state, count in runner.read(queries.count, runner.rows).items()}
    rows, version = min(sum(by_state.values()), runner.rows.max_rows or sys.maxsize), runner.model.version
    states = ", ".join(f"{count:,} {state}" for state, count in by_state.items())
    words = f"{rows:,} rows would be predicted by model version {version} ({states})"
    typer.echo(json.dumps({"rows": rows, "model_version": version, **by_state}) if as_json else words)
