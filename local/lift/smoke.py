"""The smoke test of a copy, in an environment that contains nothing but its locked requirements."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from string import Template
from typing import Any

from ..processes import ROOT, last_lines
from .order import LiftRefused, Order

UV = ROOT / ".venv" / "bin" / "uv"


def run_smoke_test(order: Order, project: Path) -> str:
    """Return pytest's last line; raise `LiftRefused`, with the end of its output, if the test fails."""
    with tempfile.TemporaryDirectory(prefix="lift-environment-") as folder:
        python = Path(folder) / "bin" / "python"
        _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder], project)
        install = [UV, "pip", "install", "--quiet", "--python", python, "--no-deps", "--require-hashes"]
        _run([*install, "-r", "requirements.txt", "-r", "requirements-test.txt"], project)
        compiled = {"PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        _run([python, "-c", Template(order.recipe.load).substitute(name=order.name)], project, **compiled)
        test = ["pytest", "-q", "-p", "no:cacheprovider", f"{order.name}/tests"]
        return _run([python, "-m", *test], project, **compiled).splitlines()[-1]


def _run(argv: Sequence[object], project: Path, **more: str) -> str:
    """Run a command in the copy; return what it prints."""
    env = {name: value for name, value in os.environ.items() if name not in UNSET} | more
    words = [str(word) for word in argv]
    output: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(words, cwd=project, env=env, start_new_session=True, **output) as running:
        try:
            printed, _ = running.communicate()
        finally:
            with suppress(ProcessLookupError):  # the programs that the test has started, if it did not end by itself
                os.killpg(running.pid, signal.SIGKILL)
    if running.returncode:
        shown = last_lines(printed)
        if argv[1] == "-c":  # the service itself refuses its model
            raise LiftRefused(shown.splitlines()[-1])
        raise LiftRefused(f"{Path(words[0]).name} {words[1]} failed in the copy; nothing was written\n{shown}")
    return str(printed).strip()


# What the copy's programs would read from this repository's environment.
UNSET = {"PYTHONPATH", "VIRTUAL_ENV", "MODEL_DIR", "MODEL_VERSION", "MODEL_NAME", "PYTEST_ADDOPTS"}
UNSET |= {"PYTHONDONTWRITEBYTECODE"}  # each start without compiled modules takes seconds
