"""Where a copy comes from, and what has changed in this repository since then.

The copy is lifted twice into a scratch folder: from the commit that `origin.json` names, and from this working tree.
The difference between the two is what has changed, in the copy's own names and with its own parts. Your changes
are in neither of them, so they are not in the difference.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..processes import ROOT, last_lines
from .order import LiftRefused, Order

ORIGIN = "origin.json"


def write_origin(order: Order, project: Path, model: str) -> None:
    """Record the commit, and what was ordered."""
    content: dict[str, Any] = {"commit": _commit(), "pattern": order.pattern, "name": order.name, "model": model}
    content |= {"serving": order.serving} if order.recipe.asks_serving else {}
    (project / ORIGIN).write_text(json.dumps(content | {"without": list(order.removed)}, indent=2) + "\n")


def update(copy: Path) -> int:
    """Print a patch for `git apply -p2`; raise `LiftRefused` if the commit that the copy was lifted from is unknown."""
    origin = _read_origin(copy)
    with tempfile.TemporaryDirectory(prefix="lift-") as scratch:
        then, now, tree = (Path(scratch) / name for name in ("then", "now", "tree"))
        archive = _git("archive", origin["commit"])
        tree.mkdir()
        subprocess.run(["tar", "-x", "-C", tree], input=archive, check=True)
        for target, root in ((then, tree), (now, ROOT)):
            _lift_again(origin, copy, target, root)
        (then / ORIGIN).write_text((copy / ORIGIN).read_text())
        found = subprocess.run(
            ["git", "diff", "--no-index", "then", "now"], cwd=scratch, capture_output=True, check=False
        )
    sys.stdout.write(found.stdout.decode())
    print(
        f"lift: apply it in {copy} with `git apply -p2`" if found.stdout else "lift: nothing has changed",
        file=sys.stderr,
    )
    return 0


def _lift_again(origin: dict[str, Any], copy: Path, target: Path, root: Path) -> None:
    argv = ["--pattern", origin["pattern"], "--to", str(target), "--name", origin["name"], "--no-smoke"]
    argv += ["--model", str((copy / "models" / origin["model"]).absolute()), "--without", " ".join(origin["without"])]
    argv += ["--serving", origin["serving"]] if "serving" in origin else []
    command = [sys.executable, "-m", "local.lift", *argv]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LiftRefused(f"{copy} cannot be lifted again: {last_lines(done.stderr)}")


def _read_origin(copy: Path) -> dict[str, Any]:
    try:
        origin: dict[str, Any] = json.loads((copy / ORIGIN).read_text())
    except (OSError, ValueError) as error:
        raise LiftRefused(f"{copy / ORIGIN} cannot be read; name a folder that was lifted: {error}") from error
    if not origin.get("commit"):
        raise LiftRefused(f"{copy / ORIGIN} names no commit: it was lifted from files that were not committed")
    return origin


def _commit() -> str | None:
    """Return the commit of this working tree, or None if its files are not those of a commit."""
    try:
        return (
            None
            if _git("status", "--porcelain", "--untracked-files=no")
            else _git("rev-parse", "HEAD").decode().strip()
        )
    except LiftRefused:
        return None


def _git(*argv: str) -> bytes:
    done = subprocess.run(["git", *argv], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise LiftRefused(f"git {argv[0]} failed: {' '.join(done.stderr.decode().split())}")
    return done.stdout
