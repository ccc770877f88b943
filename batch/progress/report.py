"""The progress of a command: a bar on a terminal, a line every ten seconds elsewhere."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..runner import Runner

log = logging.getLogger(__name__)
Chunk = TypeVar("Chunk", bound=Sized)

SECONDS_BETWEEN_LINES = 10


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the number of rows done, of `total` (None: unknown), and reports it on stderr."""
    started = logged = time.monotonic()

    def rate(rows: int) -> str:
        return f"{rows / max(time.monotonic() - started, 1e-9):,.0f} rows/s"

    def line(rows: int) -> None:
        nonlocal logged
        if time.monotonic() - logged >= SECONDS_BETWEEN_LINES:
            logged = time.monotonic()
            log.info("%s: %d of %s rows, %s", what, rows, "?" if total is None else total, rate(rows))

    if not sys.stderr.isatty():
        yield line
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, rate="")
        yield lambda rows: bar.update(task, completed=rows, rate=rate(rows))


@contextmanager
def show_progress(runner: Runner) -> Iterator[None]:
    """Show how many rows a run has tried."""
    with progress("predicted", runner.result.waiting) as report:
        runner.hooks.append(report)
        yield


def with_progress(what: str, chunks: Iterable[Chunk], total: int | None) -> Iterator[Chunk]:
    """Yield `chunks`, and show how many of their rows are done."""
    rows = 0
    with progress(what, total) as report:
        for chunk in chunks:
            yield chunk
            rows += len(chunk)
            report(rows)
