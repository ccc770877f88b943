"""The optional parts of a folder: which there are, what they say about themselves, and copies without some of them."""

import ast
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..processes import ROOT

COPYABLE = ("web_single", "synchronous", "serving", "asynchronous", "batch")
MARK = "optional:"  # a line that ends with "# optional: limits" is deleted with limits/
EXTRAS = "extras"  # the folder that adds the others
KEPT = {"tests", "migrate", EXTRAS}  # the copy's own tests, the table's history, and what goes with the last part


def optional_folders(folder: str) -> list[str]:
    """Return the names of the packages in a folder that can be deleted one by one."""
    return sorted(path.parent.name for path in (ROOT / folder).glob("*/__init__.py") if path.parent.name not in KEPT)


def with_extras(folder: str, parts: Iterable[str]) -> tuple[str, ...]:
    """Return the parts to delete, with `extras` if it calls no part that is left."""
    parts = tuple(parts)
    text = "".join(path.read_text() for path in (ROOT / folder / EXTRAS).glob("*.py"))
    called = {*re.findall(rf"# {MARK} (\w+)$", text, re.M)}
    return (*parts, EXTRAS) if called and called <= {*parts} and EXTRAS not in parts else parts


def describe(part: Path) -> dict[str, str]:
    """Return what a part's docstring says: `Title`, `Protects from`, `Costs`, `Instead` and `Remove`."""
    said = ast.get_docstring(ast.parse((part / "__init__.py").read_text())) or ""
    fields = re.findall(r"^(Protects from|Costs|Instead|Remove): (.+?)(?=\n[A-Z][a-z ]+: |\n\n|\Z)", said, re.M | re.S)
    return {"Title": said.splitlines()[0], **{field: " ".join(text.split()) for field, text in fields}}


def without_marked_lines(text: str, parts: Iterable[str]) -> str:
    """Return a text without the lines that the parts' names mark, and with at most two blank lines in a row."""
    marks = re.compile(rf"{MARK} ({'|'.join(parts)})$")
    left = "".join(line for line in text.splitlines(keepends=True) if not marks.search(line.rstrip("\n")))
    return re.sub(r"\n{4,}", "\n\n\n", left)


def copy_without(folder: str, parts: Iterable[str], place: Path, name: str = "my_service") -> Path:
    """Copy a folder to `place/name`; delete `parts` and the lines that are marked with their names."""
    copy, parts = place / name, with_extras(folder, parts)
    shutil.copytree(ROOT / folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for part in parts:
        shutil.rmtree(copy / part)
    for path in copy.rglob("*"):
        if parts and path.is_file() and MARK.encode() in path.read_bytes():
            path.write_text(without_marked_lines(path.read_text(), parts))
    return copy
