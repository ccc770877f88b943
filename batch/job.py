"""Give every row its prediction, and print what was done.

Exit codes: 0 every row that was tried has its prediction; 2 bad usage or a wrong setting; 3 rows were left failed;
4 the database is unavailable; 5 the artefact was refused; 6 the deadline was reached; 7 the schema is too old;
130 Ctrl-C; 143 SIGTERM: the run ended after the chunk in progress.
"""

import json
from contextlib import ExitStack
from typing import Annotated

import typer

from .database import connect
from .errors import Stopped, end_on_sigterm, exit_in_one_line
from .fast import write_done  # optional: fast
from .files.progress import show_progress  # optional: files
from .migrate.schema import upgrade_embedded
from .policies import Policy, run
from .predictor import load_model
from .queries import Rows
from .runner import Runner
from .scope.options import narrow, scope_options  # optional: scope
from .settings import load_settings
from .status.record import record  # optional: status
from .stopping.signals import stop_on_signals  # optional: stopping

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
@scope_options  # optional: scope
def main(
    context: typer.Context,  # optional: scope
    on_failure: Annotated[Policy, typer.Option(help="What to do about rows that fail.")] = Policy.LEAVE,
    max_attempts: Annotated[int, typer.Option(min=1, help="Tries of a row; with retry-all, of the run.")] = 3,
    backoff: Annotated[float, typer.Option(min=0, help="Seconds before the second try, doubled each time.")] = 1,
    chunk_rows: Annotated[int, typer.Option(min=1, max=5_000, help="Rows in one transaction.")] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Parse, run, print the summary."""
    end_on_sigterm()
    with exit_in_one_line():
        settings, rows = load_settings(), Rows(None if on_failure is Policy.RETRY_ALL else max_attempts)
        model, engine, seconds = load_model(settings), connect(settings), settings.database_retry_seconds
        runner = Runner(engine, model, rows, chunk_rows, max_attempts, backoff, seconds)
        runner.write_done = write_done  # optional: fast
        narrow(runner, context)  # optional: scope
        try:
            runner.retry(upgrade_embedded, engine)
            if runner.count_waiting():
                with ExitStack() as attached:
                    attached.enter_context(stop_on_signals(runner))  # optional: stopping
                    attached.enter_context(show_progress(runner))  # optional: files
                    attached.enter_context(record(runner, on_failure))  # optional: status
                    run(runner, on_failure)
        except Stopped as stopped:
            runner.result.stopped = stopped
        typer.echo(json.dumps(runner.result.summary()) if as_json else runner.result)
        raise typer.Exit(runner.result.exit_code)


if __name__ == "__main__":
    app()
