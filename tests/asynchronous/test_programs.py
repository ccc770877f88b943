"""The programs start where Python drops docstrings, as with PYTHONOPTIMIZE=2 in an image."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["worker", "callbacks", "dead_letters"])
def test_a_program_without_docstrings_shows_its_options(module):
    argv = [sys.executable, "-OO", "-m", f"asynchronous.{module}", "--help"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: python -m asynchronous.{module}" in done.stdout
