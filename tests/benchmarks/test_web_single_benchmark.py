"""The benchmarks run to their end and give their figures. How fast anything is, no test says."""

import json
import re
import subprocess
import sys

import pytest

from local.lift.parts import optional_folders
from local.processes import ROOT


def run(module: str, *arguments: str) -> dict:
    argv = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.exhaustive
def test_each_kind_of_load_is_measured_for_the_baseline_and_for_ours():
    services = run("benchmarks.web_single", "--rounds=1", "--seconds=1", "--only", "baseline", "web_single")["services"]
    assert set(services) == {"baseline", "web_single"}
    loads = [
        services["web_single"][kind] for kind in ("1 row, 1 connection", "1 row, 16", "1 row, 64", "1,000 rows, 4")
    ]
    assert all(one["per_second"] > 0 and one["cpu"] > 0 for [one] in loads)


@pytest.mark.exhaustive
def test_an_overload_is_refused_and_what_is_admitted_is_timed():
    found = run("benchmarks.web_single.overload", "--rounds=1", "--seconds=6", "--limit=4")
    [calm], [overload] = found["rounds"].values()
    assert (calm["refused"], overload["refused"] > 0, overload["p99"] > 0) == (0, True, True)


@pytest.mark.exhaustive
def test_each_optional_folder_is_removed_and_measured():
    parts = optional_folders("web_single")
    argv = [sys.executable, "-m", "benchmarks.web_single.parts", "--rounds=1", "--requests=30"]
    printed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=280).stdout
    assert all(re.search(rf"without {part} +│ +\d+ │ +\d+\.\d\d │", printed) for part in parts)
