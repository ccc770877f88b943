"""The benchmark runs to its end and prints its figures. No test asserts how fast anything is."""

import json
import subprocess
import sys

import pytest

from local.processes import ROOT


@pytest.mark.exhaustive
def test_one_image_is_measured_for_the_bare_model_and_for_the_server():
    argv = [sys.executable, "-m", "benchmarks.synchronous", "--only=single", "--rounds=1", "--calls=5"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    took, added, cpu = json.loads(done.stdout)["single"]
    assert added["value"] == took["value"] - took["limit_value"]
    assert min(took["limit_value"], took["value"], cpu["value"] + 1) > 0
