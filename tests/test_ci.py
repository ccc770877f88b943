"""The CI workflow for forks of the repository, compared with the Makefile."""

import re

import yaml

from local.processes import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
JOB = WORKFLOW["jobs"]["readme"]
MAKEFILE = (ROOT / "Makefile").read_text()


def test_ci_runs_the_commands_of_the_readme_on_both_architectures():
    commands = [step["run"] for step in JOB["steps"] if "run" in step]
    assert commands[-2:] == ["make demo", "make test"]
    assert all(re.search(rf"^{command.split()[1]}:", MAKEFILE, re.M) for command in commands[-2:])
    assert JOB["strategy"]["matrix"]["machine"] == ["ubuntu-24.04", "ubuntu-24.04-arm"]


def test_ci_runs_on_every_python_version_that_the_makefile_accepts():
    taken = re.search(r"^PYTHON \?=.*?(python3\.\d+ [^)]*) python3,", MAKEFILE, re.M)[1].split()
    assert [f"python{version}" for version in JOB["strategy"]["matrix"]["python"]] == taken
    assert JOB["container"]["image"] == "python:${{ matrix.python }}-bookworm"
    assert JOB["env"]["PYTHON"] == "python${{ matrix.python }}"
