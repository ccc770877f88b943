"""Give every row its prediction, and print what was done.

Exit codes: 0 every row that was tried has its prediction; 2 bad usage or a wrong setting; 3 rows were left failed;
4 the database is unavailable; 5 the artefact was refused; 6 the deadline was reached; 7 the schema is too old;
8 rows were left because others hold them; 130 Ctrl-C; 143 SIGTERM: the run ended after the chunk in progress.
"""

from contextlib import ExitStack
from typing import Annotated

import typer

from .artifact import open_artifact
from .database import connect
from .errors import end_on_sigterm, exit_in_one_line
from .export.versions import remember_version  # optional: export
from .fast import write_done  # optional: fast
from .feed import record_completions  # optional: feed
from .held import wait_for_held_rows  # optional: held
from .limits import check_limits  # optional: limits
from .policies import AllowFailed, Backoff, MaxAttempts, OnFailure, Policy, choose, tolerate  # optional: policies
from .predictor import load
from .progress import show_progress  # optional: progress
from .retry import retrying  # optional: retry
from .runner import Runner
from .scope.options import choose_version, narrow, scope_options  # optional: scope
from .settings import Settings
from .status.record import record  # optional: status
from .stopping.pauses import pausing  # optional: stopping
from .stopping.signals import stop_on_signals  # optional: stopping
from .summary import AsJson, Summary  # optional: summary
from .wide import Top, fit_statements, keep_top  # optional: wide

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
@scope_options  # optional: scope
def main(
    context: typer.Context,  # optional: scope
    max_attempts: MaxAttempts = 3,  # optional: policies
    chunk_rows: Annotated[int, typer.Option(min=1, max=5_000, help="Rows in one transaction.")] = 1_000,
    as_json: AsJson = False,  # optional: summary
    on_failure: OnFailure = Policy.LEAVE,  # optional: policies
    backoff: Backoff = 1,  # optional: policies
    allow_failed: AllowFailed = False,  # optional: policies
    top: Top = None,  # optional: wide
) -> None:
    """Parse, run, print the summary."""
    end_on_sigterm()
    with exit_in_one_line():
        settings = Settings()
        settings = choose_version(settings, context)  # optional: scope
        artifact = open_artifact(settings.model_dir, settings.model_version, keep=None)
        runner = Runner(connect(settings), load(artifact), chunk_rows=chunk_rows)
        check_limits(runner.model.model)  # optional: limits
        runner.result = Summary(model_version=runner.model.version, as_json=as_json)  # optional: summary
        runner.pause = pausing(runner)  # optional: stopping
        runner.retry = retrying(runner.pause)  # optional: retry
        runner.write_done = write_done  # optional: fast
        keep_top(runner, top)  # optional: wide
        choose(runner, on_failure, max_attempts, backoff)  # optional: policies
        narrow(runner, context)  # optional: scope
        run(runner)
        typer.echo(runner.result)
        tolerate(runner.result, allow_failed)  # optional: policies
        raise typer.Exit(runner.result.exit_code)


def run(runner: Runner) -> None:
    """Predict the rows that wait, if there are any; some optional parts last as long as the run."""
    with ExitStack() as attached:
        attached.enter_context(stop_on_signals(runner))  # optional: stopping
        if runner.count_waiting():
            remember_version(runner)  # optional: export
            fit_statements(runner)  # optional: wide
            record_completions(runner)  # optional: feed
            attached.enter_context(show_progress(runner))  # optional: progress
            attached.enter_context(record(runner))  # optional: status
            attached.enter_context(wait_for_held_rows(runner))  # optional: held
            runner.policy(runner)


if __name__ == "__main__":
    app()
