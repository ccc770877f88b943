"""The commands as programs."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m synchronous.MODULE ARGUMENTS...`; keywords are environment variables, and `stdin`."""

    def run(module, *arguments, stdin="", **environment):
        argv = [sys.executable, "-m", f"synchronous.{module}", *map(str, arguments)]
        env = {name: value for name, value in os.environ.items() if not name.startswith("SERVING_")} | environment
        return subprocess.run(argv, input=stdin, env=env, capture_output=True, text=True, timeout=200, check=False)

    return run
