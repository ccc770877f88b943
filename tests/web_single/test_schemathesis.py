"""`openapi_cases.py` in one process: pytest builds its cases when it collects, which each process of the suite does."""

import subprocess
import sys
from pathlib import Path

from local.processes import ROOT


def test_every_answer_is_one_that_the_page_shows() -> None:
    cases = Path(__file__).with_name("openapi_cases.py")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cases]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
