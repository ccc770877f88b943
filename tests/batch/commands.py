"""The pattern's programs as an operator starts them."""

import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

from sqlalchemy import Engine

from local.processes import ROOT

# Each program is a new process, forked from one that has imported the libraries and the pattern: two thirds of a
# program's time. No module of the pattern reads a setting when it is imported; one that did would fail tests.
PROGRAMS = ["batch.job", *(f"batch.{name}.__main__" for name in ("export", "migrate", "seed", "status"))]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["pyarrow", "rich.markdown", "sqlalchemy.dialects.mysql.pymysql", *PROGRAMS])


def url(engine: Engine | str) -> str:
    return engine if isinstance(engine, str) else engine.url.render_as_string(hide_password=False)


def run(module: str, engine: Engine | str, *flags: str, stdin: str = "", **environment: str):
    """Run a module of the pattern to its end on a database."""
    defaults = {"DATABASE_URL": url(engine), "DATABASE_RETRY_SECONDS": "0", "HELD_ROWS_SECONDS": "0"}
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        for stream, text in zip(streams, (stdin, "", ""), strict=True):
            stream.write_text(text)
        process = SERVER.Process(target=run_as_main, args=(module, flags, os.environ | defaults | environment, streams))
        process.start()
        process.join(250)
        if process.exitcode is None:
            process.kill()
            raise TimeoutExpired(module, 250)
        return CompletedProcess(flags, process.exitcode, *(stream.read_text() for stream in streams[1:]))


def run_as_main(module: str, flags: tuple[str, ...], environment: dict[str, str], streams: list[Path]) -> None:
    """Be `python -m batch.module`, with files as the standard streams."""
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(os.open(stream, os.O_RDWR), number)
    sys.stdin, sys.argv = open(0, closefd=False), ["", *flags]  # noqa: SIM115 - for as long as the process lives
    for name in PROGRAMS:
        sys.modules.pop(name, None)  # it runs again, as `__main__`
    runpy.run_module(f"batch.{module}", run_name="__main__", alter_sys=True)
