"""Give every row its prediction, then say what was done.

Exit codes: 0 every row that was tried has its prediction; 2 bad usage or a wrong setting; 3 rows were left failed;
4 the database is unavailable; 5 the artefact was refused; 6 the deadline was reached; 7 the schema is too old;
130 Ctrl-C; 143 SIGTERM: it ended after the chunk in hand.
"""

import json
import math
import sys
import time
from collections.abc import Mapping
from typing import Annotated

import typer
from sqlalchemy import Engine

from . import selection, settings
from .artifact import open_artifact
from .database import connect, readers, retrying
from .deadline import DeadlineReached, Terminated
from .exits import Exit, end_on_sigterm, one_line, stopped_by_signals
from .predictor import MODEL_FILE, load
from .progress import progress
from .runner import Runner
from .runs import Record
from .schema import upgrade_embedded
from .scope import BadScope, Policy, Scope, moment
from .tables import State
from .tally import Tally

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _moment(text: str) -> str:
    try:
        return moment(text)
    except BadScope as error:
        raise typer.BadParameter(str(error)) from None


OnFailure = Annotated[Policy, typer.Option(help="What to do about rows that fail.")]
MaxAttempts = Annotated[int, typer.Option(min=1, help="Tries of a row; with retry-all, of the run.")]
Backoff = Annotated[float, typer.Option(min=0, help="Seconds before the second try, doubled each time.")]
ChunkRows = Annotated[int, typer.Option(min=1, max=5_000, help="Rows in one transaction.")]
Since = Annotated[str | None, typer.Option(parser=_moment, help="Only rows created at this ISO time (UTC) or later.")]
Until = Annotated[str | None, typer.Option(parser=_moment, help="Only rows created before this ISO time (UTC).")]
MaxRows = Annotated[int | None, typer.Option(min=1, max=sys.maxsize, help="Rows to try, at most.")]
Seconds = Annotated[float, typer.Option("--deadline", min=0, help="Seconds after which no further chunk is begun.")]
Rescore = Annotated[bool, typer.Option("--rescore", help="In place of the rows that wait, those of an older model.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what there is to do, and change nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


@app.command(help=__doc__)
def main(
    on_failure: OnFailure = Policy.LEAVE,
    max_attempts: MaxAttempts = Runner.max_attempts,
    backoff: Backoff = Runner.backoff,
    chunk_rows: ChunkRows = Runner.chunk_rows,
    since: Since = None,
    until: Until = None,
    max_rows: MaxRows = None,
    deadline: Seconds = math.inf,
    rescore: Rescore = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Parse, run, summarise."""
    end_on_sigterm()
    with one_line():
        scope = Scope(since, until, max_rows, deadline, rescore)
        configuration = settings.load()
        predictor = load(open_artifact(configuration.model_dir, configuration.model_version, [MODEL_FILE]))
        engine, seconds = connect(configuration), configuration.database_retry_seconds
        if not dry_run:
            retrying(seconds)(upgrade_embedded, engine)
        limit = None if on_failure is Policy.RETRY_ALL else max_attempts
        waiting = retrying(seconds)(_waiting, engine, scope, predictor.version, limit)
        rows = min(sum(waiting.values()), max_rows or sys.maxsize)
        if dry_run:
            by_state = {state.value: count for state, count in waiting.items()}
            plan = {"rows": rows, "model_version": predictor.version, **by_state}
            typer.echo(json.dumps(plan) if as_json else _plan(plan, by_state))
            return
        started, tally, code = time.monotonic(), Tally(), Exit.DONE
        if rows:
            with progress("predicted", rows) as report:
                runner = Runner(engine, predictor, report, chunk_rows, max_attempts, backoff, seconds, scope)
                code = _run(runner, on_failure)
                tally = runner.tally
        summary = {"waiting": rows} | _summary(tally, time.monotonic() - started, predictor.version)
        typer.echo(json.dumps(summary) if as_json else _words(summary, scope, code))
        raise typer.Exit(code)


def _waiting(engine: Engine, scope: Scope, model_version: int, max_attempts: int | None) -> dict[State, int]:
    with readers(engine).begin() as connection:
        return selection.waiting(connection, scope, model_version, max_attempts)


def _run(runner: Runner, policy: Policy) -> Exit:
    try:
        with stopped_by_signals(runner.deadline.stop), Record(runner, policy):
            runner.run(policy)
    except DeadlineReached:
        return Exit.DEADLINE
    except Terminated as stopped:
        return Exit(128 + stopped.number)
    return Exit.ROWS_FAILED if runner.tally.failed else Exit.DONE


def _plan(plan: Mapping[str, int], by_state: Mapping[str, int]) -> str:
    states = ", ".join(f"{count:,} {state}" for state, count in by_state.items())
    return "{rows:,} rows would be predicted by model version {model_version}".format(**plan) + f" ({states})"


def _summary(tally: Tally, seconds: float, model_version: int) -> dict[str, float]:
    return {
        "rows": tally.rows,
        "done": tally.done,
        "failed": len(tally.failed),
        "seconds": round(seconds, 3),
        "rows_per_second": round(tally.rows / max(seconds, 1e-9)),
        "model_version": model_version,
    }


def _words(summary: Mapping[str, float], scope: Scope, code: Exit) -> str:
    names = {Exit.DEADLINE: "deadline reached", Exit.INTERRUPTED: "interrupted", Exit.TERMINATED: "terminated"}
    early = names.get(code)
    if not early and not summary["rows"]:
        within = f" in the scope {scope}" if str(scope) else ""
        return f"nothing to do: no row waits for a prediction{within}"
    words = early + ", {rows:,} of {waiting:,} rows tried: " if early else ""
    words += "{done:,} rows predicted, {failed:,} failed, {seconds:.1f} s, {rows_per_second:,} rows/s, "
    return (words + "model version {model_version}").format(**summary)


if __name__ == "__main__":
    app()
