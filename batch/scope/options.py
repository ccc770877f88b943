"""The options of the job that narrow a run."""

import json
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any

import typer

from ..database import read
from ..migrate import schema
from ..runner import Runner
from ..settings import Settings
from .rows import ScopedRows
from .scope import BadScope, Scope, moment


def _moment(text: str) -> str:
    try:
        return moment(text)
    except BadScope as error:
        raise typer.BadParameter(str(error)) from None


Since = Annotated[str | None, typer.Option(parser=_moment, help="Only rows created at this ISO time (UTC) or later.")]
Until = Annotated[str | None, typer.Option(parser=_moment, help="Only rows created before this ISO time (UTC).")]
MaxRows = Annotated[int | None, typer.Option(min=1, max=sys.maxsize, help="Try at most this many rows.")]
Seconds = Annotated[float | None, typer.Option("--deadline", min=0, help="Start no chunk after this many seconds.")]
Rescore = Annotated[
    bool, typer.Option("--rescore", help="Predict rows of an older model again, instead of those that wait.")
]
To = Annotated[
    int | None,
    typer.Option("--to", min=0, help="With --rescore: use this model version, even for rows of a newer one."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print how many rows there are to predict; change nothing.")]


SCOPE_OPTIONS = {
    "since": (Since, None),
    "until": (Until, None),
    "max_rows": (MaxRows, None),
    "deadline": (Seconds, None),
    "rescore": (Rescore, False),
    "to": (To, None),
    "dry_run": (DryRun, False),
}


def choose_version(settings: Settings, options: Mapping[str, Any]) -> Settings:
    """Return the settings with the model version that --to names."""
    if options["to"] is None:
        return settings
    if not options["rescore"]:
        raise BadScope("--to: needs --rescore")
    return settings.model_copy(update={"model_version": options["to"]})


def narrow(runner: Runner, options: Mapping[str, Any]) -> None:
    """Restrict a run to the scope that the options give; with --dry-run, print its rows and end the command."""
    rows = Scope(**{field.name: options[field.name] for field in fields(Scope)}).apply(runner)
    if options["dry_run"]:
        _print_plan(runner, rows, options.get("as_json", False))
        raise typer.Exit


def _print_plan(runner: Runner, rows: ScopedRows, as_json: bool) -> None:
    runner.retry(read, runner.engine, schema.check)
    by_state, version = runner.retry(read, runner.engine, rows.count_by_state), runner.model.version
    count = min(sum(by_state.values()), rows.max_rows)
    states = ", ".join(f"{number:,} {state}" for state, number in by_state.items())
    words = f"{count:,} rows would be predicted by model version {version} ({states})"
    typer.echo(json.dumps({"rows": count, "model_version": version, **by_state}) if as_json else words)
