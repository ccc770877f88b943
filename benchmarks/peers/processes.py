"""A program and all processes that it has started (Linux)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGKILL, pidfd_send_signal

from local.processes import Program


def family(pid: int) -> list[int]:
    """Return a process and its descendants, without those that have ended."""
    found, left = list[int](), [pid]
    while left:
        one = left.pop()
        try:
            tasks = list(Path(f"/proc/{one}/task").iterdir())
            left += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            continue
        found.append(one)
    return found


def megabytes(pids: list[int]) -> float:
    """Return the memory of processes; a page that several share is counted once."""
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(text.split("Pss:")[1].split()[0]) for text in texts) / 1024


@contextmanager
def stopping(program: Program) -> Iterator[Program]:
    """Stop a program at the end, and kill what it leaves: some peers start processes in other process groups."""
    try:
        yield program
    finally:
        handles = [os.pidfd_open(pid) for pid in family(program.pid)]
        program.stop()
        for handle in handles:
            with suppress(ProcessLookupError):
                pidfd_send_signal(handle, SIGKILL)
            os.close(handle)
