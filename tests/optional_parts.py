"""Copies of a folder without some of its optional parts."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from local.processes import ROOT

COPYABLE = ("web_single", "synchronous", "serving", "asynchronous", "batch")
MARK = "optional:"  # a line that ends with "# optional: limits" is deleted with limits/
KEPT = {"tests", "migrate"}  # the copy's own tests, and the table's history


def optional_folders(folder: str) -> list[str]:
    """Return the names of the packages in a folder that can be deleted."""
    return sorted(path.parent.name for path in (ROOT / folder).glob("*/__init__.py") if path.parent.name not in KEPT)


def copy_without(folder: str, parts: Iterable[str], place: Path) -> Path:
    """Copy a folder to `place/my_service`; delete `parts` and the lines that are marked with their names."""
    copy = place / "my_service"
    shutil.copytree(ROOT / folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for part in parts:
        shutil.rmtree(copy / part)
    marks = re.compile(rf"{MARK} ({'|'.join(parts)})$") if parts else None
    for path in copy.rglob("*"):
        if marks and path.is_file() and MARK.encode() in path.read_bytes():
            kept = [line for line in path.read_text().splitlines() if not marks.search(line)]
            path.write_text("\n".join(kept) + "\n")
    return copy
