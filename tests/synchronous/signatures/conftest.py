"""The commands as programs."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.preloaded import Preloaded


@pytest.fixture
def run(preloaded: Preloaded, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m synchronous.MODULE ARGUMENTS...`; keywords are environment variables, and `stdin`."""

    for name in filter(lambda name: name.startswith("SERVING_"), [*os.environ]):
        monkeypatch.delenv(name)

    def run(module, *arguments, stdin="", **environment):
        argv = [sys.executable, "-m", f"synchronous.{module}", *map(str, arguments)]
        return preloaded.run(argv, stdin, environment)

    return run
