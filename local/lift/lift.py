"""Lift: write the copy into a scratch folder, test it there, and move it to its place in one step."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..processes import uninterrupted
from .order import LiftRefused, Order, check_target
from .project import write_project
from .smoke import run_smoke_test


def lift(order: Order, *, smoke: bool = True) -> int:
    """Write `order.target` and print what was done; raise `LiftRefused`, and write nothing, if that is not possible."""
    with tempfile.TemporaryDirectory(prefix="lift-") as scratch:
        project = Path(scratch) / order.target.name
        project.mkdir()
        rows = write_project(order, project)
        if smoke:
            rows.append(("smoke test", run_smoke_test(order, project)))
        move(project, order.target)
    _print(order, rows)
    return 0


def move(project: Path, target: Path) -> None:
    """Move a finished folder to its place: all of it, or nothing."""
    with uninterrupted():
        check_target(target)
        try:
            project.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise LiftRefused(f"TO={target}: {error.strerror}") from error
            _move_to_other_disk(project, target)


def _move_to_other_disk(project: Path, target: Path) -> None:
    """Copy under a hidden name beside the target first, so that the target itself is never incomplete."""
    hidden = Path(tempfile.mkdtemp(prefix=".lift-", dir=target.parent))
    try:
        shutil.copytree(project, hidden / target.name)
        os.rename(hidden / target.name, target)
    except OSError as error:
        raise LiftRefused(f"TO={target}: {error.strerror}") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _print(order: Order, rows: list[tuple[str, str]]) -> None:
    """Print what was done, and the next three commands."""
    console = Console(highlight=False)
    table = Table(title=str(order.target), title_justify="left", show_header=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for command in (f"cd {order.target}", "make run", "make image"):
        console.print(f"  {command}", soft_wrap=True)
