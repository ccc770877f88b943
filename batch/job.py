"""Give every row its prediction, then say what was done.

Exit codes: 0 every row that was tried has its prediction; 2 bad usage or a wrong setting; 3 rows were left failed;
4 the database is unavailable; 5 the artefact was refused; 143 ended by SIGTERM.
"""

import json
import time
from typing import Annotated

import typer
from sqlalchemy import Engine

from . import queries, settings
from .artifact import open_artifact
from .database import connect, readers, retrying
from .exits import Exit, end_on_sigterm, one_line
from .predictor import load
from .progress import progress
from .runner import Policy, Runner, Tally

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    on_failure: Annotated[Policy, typer.Option(help="What to do about rows that fail.")] = Policy.LEAVE,
    max_attempts: Annotated[
        int, typer.Option(min=1, help="Tries of a row; with retry-all, of the run.")
    ] = Runner.max_attempts,
    backoff: Annotated[
        float, typer.Option(min=0, help="Seconds before the second try, doubled each time.")
    ] = Runner.backoff,
    chunk_rows: Annotated[int, typer.Option(min=1, max=5_000, help="Rows in one transaction.")] = Runner.chunk_rows,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Parse, run, summarise."""
    end_on_sigterm()
    with one_line():
        configuration = settings.load()
        predictor = load(open_artifact(configuration.model_dir, configuration.model_version))
        engine, seconds = connect(configuration), configuration.database_retry_seconds
        started, tally = time.monotonic(), Tally()
        limit = None if on_failure is Policy.RETRY_ALL else max_attempts
        if waiting := retrying(seconds)(_claimable, engine, limit):
            with progress("predicted", waiting) as report:
                runner = Runner(engine, predictor, report, chunk_rows, max_attempts, backoff, retry_seconds=seconds)
                tally = runner.run(on_failure)
        summary = _summary(tally, time.monotonic() - started, predictor.version)
        typer.echo(json.dumps(summary) if as_json else _words(summary))
        raise typer.Exit(Exit.ROWS_FAILED if tally.failed else Exit.DONE)


def _claimable(engine: Engine, max_attempts: int | None) -> int:
    with readers(engine).begin() as connection:
        return queries.count_claimable(connection, max_attempts)


def _summary(tally: Tally, seconds: float, model_version: int) -> dict[str, float]:
    return {
        "rows": tally.rows,
        "done": tally.done,
        "failed": len(tally.failed),
        "seconds": round(seconds, 3),
        "rows_per_second": round(tally.rows / seconds),
        "model_version": model_version,
    }


def _words(summary: dict[str, float]) -> str:
    if not summary["rows"]:
        return "nothing to do: no row waits for a prediction"
    return (
        "{done:,} rows predicted, {failed:,} failed, {seconds:.1f} s, {rows_per_second:,} rows/s, "
        "model version {model_version}"
    ).format(**summary)


if __name__ == "__main__":
    app()
