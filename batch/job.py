"""Give every row its prediction, and print what was done.

Exit codes: 0 every row that was tried has its prediction; 2 bad usage or a wrong setting; 3 rows were left failed;
4 the database is unavailable; 5 the artefact was refused; 6 the deadline was reached; 7 the schema is too old;
8 rows were left because others hold them; 130 Ctrl-C; 143 SIGTERM: the run ended after the chunk in progress.
"""

from typing import Annotated

import typer

from .artifact import open_artifact
from .database import connect
from .errors import exit_in_one_line
from .extras import job as extras  # optional: extras
from .predictor import load
from .runner import Runner
from .settings import Settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
@extras.with_options  # optional: extras
def main(
    options: extras.Options,  # optional: extras
    chunk_rows: Annotated[int, typer.Option(min=1, max=5_000, help="Rows in one transaction.")] = 1_000,
) -> None:
    """Parse, run, print the result."""
    with exit_in_one_line():
        settings = Settings()
        settings = extras.override_settings(settings, options)  # optional: extras
        artifact = open_artifact(settings.model_dir, settings.model_version, keep=None)
        runner = Runner(connect(settings), load(artifact), chunk_rows=chunk_rows)
        extras.add_to(runner, options)  # optional: extras
        runner.run()
        typer.echo(runner.result)
        extras.override_exit_code(runner.result, options)  # optional: extras
        raise typer.Exit(runner.result.exit_code)


if __name__ == "__main__":
    app()
