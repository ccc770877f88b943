"""How far a command has come: a bar on a terminal, a line every ten seconds elsewhere."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many of `total` rows (None if nobody knows) are through; it writes to stderr."""
    started = said = time.monotonic()

    def rate(rows: int) -> str:
        return f"{rows / max(time.monotonic() - started, 1e-9):,.0f} rows/s"

    def line(rows: int) -> None:
        nonlocal said
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
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
