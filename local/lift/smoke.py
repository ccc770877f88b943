"""The smoke test of a copy, in an environment that contains nothing but its locked requirements."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from string import Template
from typing import Any

from .. import servers
from ..processes import ROOT, ProgramFailed, last_lines
from .order import LiftRefused, Order
from .requirements import locks

UV = ROOT / ".venv" / "bin" / "uv"


def run_smoke_test(order: Order, project: Path) -> str:
    """Return pytest's result; raise `LiftRefused`, with the end of its output, if the test fails."""
    with tempfile.TemporaryDirectory(prefix="lift-environment-") as folder:
        python = Path(folder) / "bin" / "python"
        _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder], project)
        install: list[object] = [UV, "pip", "install", "--quiet", "--python", python, "--no-deps", "--require-hashes"]
        for lock in locks(order, project):
            install += ["-r", lock]
        _run(install, project)
        compiled = {"PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        test = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{order.name}/tests"]
        if not order.recipe.asks_serving:
            _run([python, "-c", Template(order.recipe.load).substitute(name=order.name)], project, **compiled)
        elif (project / "with_servers.py").exists():
            test = [python, "with_servers.py", *test]
        with ExitStack() as stack:
            server = stack.enter_context(stand_in(project, folder)) if _asks_another(order) else {}
            printed = _run(test, project, **compiled, **server).splitlines()
            return next(line for line in reversed(printed) if " passed" in line)  # a server that ends may print more


def _asks_another(order: Order) -> bool:
    return order.recipe.asks_serving and not order.copies_serving


@contextmanager
def stand_in(project: Path, folder: str) -> Iterator[dict[str, str]]:
    """Serve the copy's model from this repository: the program at the copy's address may not be reachable from here."""
    (model,) = (project / "models").iterdir()
    grpc, rest = servers.free_port(), servers.free_port()
    program = servers.serving(grpc, rest, model, Path(folder) / "serving.log")
    try:
        program.wait_ready()
        yield {"SERVING_GRPC": f"127.0.0.1:{grpc}", "SERVING_REST": f"http://127.0.0.1:{rest}"}
    except ProgramFailed as error:
        raise LiftRefused(str(error)) from error
    finally:
        program.stop()


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
UNSET |= {"REDIS_URL", "REDIS_PASSWORD_FILE", "QUEUE", "SERVING_GRPC", "SERVING_REST", "DATABASE_URL"}
UNSET |= {"PYTHONDONTWRITEBYTECODE"}  # each start without compiled modules takes seconds
