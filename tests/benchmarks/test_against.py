"""A benchmark of this tree is compared with that of an earlier commit."""

import subprocess
import sys

import pytest

from benchmarks.against import flatten
from local.processes import ROOT

TINY = ["--only=runners", "--rows=300", "--runners=1", "--chunks"]


@pytest.mark.exhaustive
def test_both_trees_report_the_same_figures():
    argv = [sys.executable, "-m", "benchmarks.against", "HEAD", "batch", "--rounds=1", *TINY]
    done = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "runners: 1 runner, rows/s" in done.stdout
    assert "runners: 1 runner, of its limit" in done.stdout


def test_each_figure_of_a_report_has_a_name():
    figure = {"name": "drain", "unit": "jobs/s", "value": 5.0, "ratio": 0.5, "rounds": [4, 5, 6]}
    loads = [{"p50": 1.0, "cpu": 9.0}, {"p50": 3.0, "cpu": 7.0}]
    found = dict(flatten({"pattern": "x", "queue": [figure], "services": {"ours": {"one row": loads}}}))
    assert found == {
        "queue: drain, jobs/s": 5.0,
        "queue: drain, of its limit": 0.5,
        "services ours one row p50": 2.0,
        "services ours one row cpu": 8.0,
    }
