"""What a run has done, in words or as JSON."""

import json
import time
from dataclasses import dataclass, field
from typing import Annotated

import typer

from ..schemas import Result

SUMMARY_OPTIONS = {"as_json": (Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")], False)}


@dataclass(kw_only=True)
class Summary(Result):
    """What a run has committed so far, in words or as JSON. The clock starts at construction."""

    model_version: int
    as_json: bool = False
    started: float = field(default_factory=time.monotonic)

    def counts(self) -> dict[str, float]:
        """Return the numbers of rows, and the speed."""
        seconds = time.monotonic() - self.started
        rows = {"waiting": self.waiting, "rows": self.rows, "done": self.done, "failed": len(self.failed)}
        speed = {"seconds": round(seconds, 3), "rows_per_second": round(self.rows / max(seconds, 1e-9))}
        return rows | {"held": self.held} | speed | {"model_version": self.model_version}

    def __str__(self) -> str:
        """Return the summary."""
        if self.as_json:
            return json.dumps(self.counts())
        if not self.waiting and not self.stopped:
            return f"{super().__str__()}{self.scope and f' in the scope {self.scope}'}"
        early = f"{self.stopped}, {self.rows:,} of {self.waiting:,} rows tried: " if self.stopped else ""
        held = "{held:,} left because others hold them, " if self.held else ""
        words = "{done:,} rows predicted, {failed:,} failed, " + held + "{seconds:.1f} s, {rows_per_second:,} rows/s, "
        return early + (words + "model version {model_version}").format(**self.counts())
