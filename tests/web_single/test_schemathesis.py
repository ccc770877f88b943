"""`openapi_cases.py` in one process: pytest builds its cases when it collects, which each process of the suite does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.processes import ROOT


@pytest.mark.parametrize("examples", [40, pytest.param(400, marks=pytest.mark.exhaustive)])
def test_every_answer_is_one_that_the_page_shows(examples: int) -> None:
    cases = Path(__file__).with_name("openapi_cases.py")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cases]
    env = os.environ | {"EXAMPLES": str(examples)}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
