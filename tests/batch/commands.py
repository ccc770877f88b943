"""The pattern's programs as an operator starts them."""

import os
import subprocess
import sys

from sqlalchemy import Engine

from local.processes import ROOT


def url(engine: Engine | str) -> str:
    return engine if isinstance(engine, str) else engine.url.render_as_string(hide_password=False)


def run(module: str, engine: Engine | str, *flags: str, stdin: str = "", **environment: str):
    """Run a module of the pattern to its end on a database."""
    argv = [sys.executable, "-m", f"batch.{module}", *flags]
    env = (
        os.environ
        | {"DATABASE_URL": url(engine), "DATABASE_RETRY_SECONDS": "0", "HELD_ROWS_SECONDS": "0"}
        | environment
    )
    return subprocess.run(
        argv, cwd=ROOT, env=env, input=stdin, capture_output=True, text=True, check=False, timeout=110
    )
