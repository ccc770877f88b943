"""Predict the rows of Parquet files with Ray Data, on this machine or on the cluster that RAY_ADDRESS names.

OUTPUT gets a file for each part of the input. Rows that cannot be predicted are in OUTPUT/_failed, with their reasons.
A run with the same arguments continues where a killed run stopped.

Exit codes: 0 every row has its prediction; 2 bad usage, or files that do not fit; 3 rows failed; 5 the artefact was
refused; 130 Ctrl-C; 143 SIGTERM.
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated

import typer

from ..errors import Exit, exit_in_one_line
from ..progress import progress  # optional: progress
from ..settings import Settings
from .environment import check_cluster, protect
from .places import open_place
from .prepare import prepare
from .run import Counts, Run

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A file or a folder: a path, s3://... or gs://...")],
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="The folder to write.")],
    columns: Annotated[
        str | None, typer.Option(help="The columns that the model takes, in its order: a,b,c. By default its inputs.")
    ] = None,
    keep: Annotated[str | None, typer.Option(help="The columns to copy. By default all that it does not take.")] = None,
    actors: Annotated[int | None, typer.Option(min=1, help="Processes. By default one for each CPU.")] = None,
    part_rows: Annotated[int, typer.Option(min=1, help="Rows of a part, rounded up to whole row groups.")] = 250_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Parse, run, print the summary."""
    with exit_in_one_line():
        names = columns.split(",") if columns else []
        kept = None if keep is None else [name for name in keep.split(",") if name]
        run = prepare(Settings(), open_place(source), open_place(output), names, kept, part_rows)
        began, counts, before = time.monotonic(), run.read_success(), 0
        if counts is None:
            counts, before = finish(run, actors)
        else:
            before = sum(counts.values())
        typer.echo(summary(counts, before, time.monotonic() - began, run.job.version, as_json))
    raise typer.Exit(Exit.ROWS_FAILED if counts["failed"] else Exit.DONE)


def finish(run: Run, actors: int | None) -> tuple[Counts, int]:
    """Do the parts that are left; return the counts of all parts, and how many rows earlier runs had done."""
    done = run.begin()
    counts = {name: sum(each[name] for each in done.values()) for name in ("done", "failed")}
    before = sum(counts.values())
    report: Callable[[int], None] = print_nothing
    left = [part for part in run.parts if part.number not in done]
    if left:
        protect()
        check_cluster()
        from . import cluster  # Ray takes seconds to import: what is refused does not wait for it

        with ExitStack() as stack:
            report = stack.enter_context(progress("predicted", sum(p.rows for p in run.parts)))  # optional: progress
            available = stack.enter_context(cluster.connected(actors))
            for found in cluster.score(run.job, left, available):
                counts = {name: count + found[name] for name, count in counts.items()}
                report(sum(counts.values()))
    run.finish(counts)
    return counts, before


def summary(counts: Counts, before: int, seconds: float, version: int, as_json: bool) -> str:
    """Return what the run has done, in words or as JSON."""
    speed = round((sum(counts.values()) - before) / max(seconds, 1e-9))
    if as_json:
        rest = {"before": before, "seconds": round(seconds, 3), "rows_per_second": speed, "model_version": version}
        return json.dumps(counts | rest)
    words = f"{counts['done']:,} rows predicted, {counts['failed']:,} failed, {before:,} of them by earlier runs"
    return f"{words}, {seconds:.1f} s, {speed:,} rows/s, model version {version}"


def print_nothing(rows: int) -> None:
    """Show no progress."""


if __name__ == "__main__":
    app()
