"""The CI workflow for forks of the repository, compared with the Makefile."""

import re
import subprocess
import sys

import pytest
import yaml

from local.processes import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
JOB = WORKFLOW["jobs"]["readme"]
MAKEFILE = (ROOT / "Makefile").read_text() + (ROOT / "local" / "development.mk").read_text()


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


IMAGES = yaml.safe_load((ROOT / ".github" / "workflows" / "images.yml").read_text())["jobs"]["image"]


def test_every_dockerfile_has_an_image_and_all_but_tensorflow_serving_are_for_both_architectures():
    images = {each["file"]: each["platforms"] for each in IMAGES["strategy"]["matrix"]["include"]}
    tracked = subprocess.run(["git", "ls-files", "*/Dockerfile*"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert set(images) == {
        file for file in tracked.stdout.split() if "FROM serving-patterns/" not in (ROOT / file).read_text()
    }
    one = [file for file, platforms in images.items() if platforms != "linux/amd64,linux/arm64"]
    assert one == ["synchronous/Dockerfile"]


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-workflows", ".github/workflows/*.yml"), ("github-issue-forms", ".github/ISSUE_TEMPLATE/[bi]*.yml")],
)
def test_what_github_reads_is_valid(schema, files):
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *ROOT.glob(files)]
    checked = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_programs_that_a_commit_is_checked_by_are_those_of_make_test():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    recipes = "".join(re.findall(r"^(?:test|lint):.*\n(?:\t.*\n)+", MAKEFILE, re.M))
    commands = [" ".join(hook["entry"].split()[:2]) for hook in hooks]
    assert all(command in recipes.replace("$(PY)", ".venv/bin/python") for command in commands)
