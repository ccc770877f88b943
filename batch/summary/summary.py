"""What a run has done, in words or as JSON."""

import json
import time
from typing import Annotated

import typer

from ..schemas import Result

AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


def summarize(result: Result, as_json: bool) -> str:
    """Return what a run has committed."""
    return json.dumps(counts(result)) if as_json else _words(result)


def counts(result: Result) -> dict[str, float]:
    """Return the numbers of rows, and the speed."""
    seconds = time.monotonic() - result.started
    rows = {"waiting": result.waiting, "rows": result.rows, "done": result.done, "failed": len(result.failed)}
    speed = {"seconds": round(seconds, 3), "rows_per_second": round(result.rows / max(seconds, 1e-9))}
    return rows | {"held": result.held} | speed | {"model_version": result.model_version}


def _words(result: Result) -> str:
    if not result.waiting and not result.stopped:
        return f"{result}{result.scope and f' in the scope {result.scope}'}"
    early = f"{result.stopped}, {result.rows:,} of {result.waiting:,} rows tried: " if result.stopped else ""
    held = "{held:,} left because others hold them, " if result.held else ""
    words = "{done:,} rows predicted, {failed:,} failed, " + held + "{seconds:.1f} s, {rows_per_second:,} rows/s, "
    return early + (words + "model version {model_version}").format(**counts(result))
