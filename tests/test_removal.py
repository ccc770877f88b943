"""A copy of each folder works without each of its optional parts, and without all of them."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.lift.parts import COPYABLE, EXTRAS, copy_without, optional_folders, with_extras, without_marked_lines
from local.processes import ROOT

EACH = [(folder, (part,)) for folder in COPYABLE for part in optional_folders(folder)]
EACH += [(folder, (EXTRAS,)) for folder in COPYABLE if (ROOT / folder / EXTRAS).exists()]
SLOW = ("synchronous", "serving")  # TensorFlow must be loaded
ALL = [
    pytest.param(folder, tuple(optional_folders(folder)), marks=[pytest.mark.exhaustive] if folder in SLOW else [])
    for folder in COPYABLE
]
MODELS = {"web_single": "iris", "batch": "iris", "synchronous": "digits", "serving": "digits", "asynchronous": "digits"}


@pytest.fixture
def passes_its_own_tests(tmp_path, artifacts, request):
    def check(folder, parts):
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        # A proxy that leads nowhere, as in the environment of a company, does not come between two programs of a copy.
        env |= {"http_proxy": "http://127.0.0.1:1", "no_proxy": "", "NO_PROXY": ""}
        env["MODEL_DIR"] = str(artifacts / MODELS[folder])
        if folder in ("synchronous", "asynchronous"):
            serving = request.getfixturevalue("serving")
            env |= {"SERVING_GRPC": serving.grpc, "SERVING_REST": serving.rest}
        if folder == "asynchronous":
            env["REDIS_URL"] = request.getfixturevalue("redis_url")
        copy = copy_without(folder, parts, tmp_path)
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(copy / "tests")]
        done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]

    return check


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("folder", "parts"), ALL, ids=COPYABLE)
def test_a_copy_without_all_optional_parts_passes_its_own_tests(folder, parts, passes_its_own_tests):
    passes_its_own_tests(folder, parts)


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("folder", "parts"), EACH, ids=[f"{folder}-without-{part}" for folder, (part,) in EACH])
def test_a_copy_without_an_optional_part_passes_its_own_tests(folder, parts, passes_its_own_tests):
    passes_its_own_tests(folder, parts)


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A copy of each folder without each of its optional parts."""
    place = tmp_path_factory.mktemp("copies")
    return {each: copy_without(*each, place, f"{each[0]}_without_{each[1][0]}") for each in EACH}


def test_the_code_of_a_copy_with_one_optional_part_or_none_is_formatted(tmp_path):
    for folder in set(COPYABLE) - {"serving"}:  # which is lifted with all its parts
        marked = [path for path in (ROOT / folder).rglob("*.py") if "# optional: " in path.read_text()]
        parts = optional_folders(folder)
        for path, kept in itertools.product(marked, [*parts, "none"]):
            copy = tmp_path / f"{folder}_{kept}" / path.relative_to(ROOT / folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(without_marked_lines(path.read_text(), with_extras(folder, {*parts} - {kept})))
    ruff = [sys.executable, "-m", "ruff", "--config", ROOT / "pyproject.toml"]
    for command in (["check", "--select=E,I,F821", "--output-format=concise"], ["format", "--check"]):
        done = subprocess.run([*ruff, *command, tmp_path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def findings(copies):
    """What the linter finds in each of these copies."""
    argv = [sys.executable, "-m", "ruff", "check", "--config", ROOT / "pyproject.toml", "--select", "F821,E9"]
    found = subprocess.run([*argv, "--output-format=json", *copies.values()], capture_output=True, check=False).stdout
    return json.loads(found)


@pytest.mark.parametrize(("folder", "parts"), EACH, ids=[f"{folder}-without-{part}" for folder, (part,) in EACH])
def test_a_copy_without_an_optional_part_uses_no_name_that_is_gone(folder, parts, copies, findings):
    copy = copies[folder, parts]
    assert not [found for found in findings if Path(found["filename"]).is_relative_to(copy)]
    for path in copy.rglob("*.py"):
        dots = r"\." * len(path.relative_to(copy).parts)
        gone = rf"^ *from {dots}{parts[0]}\b|PACKAGE}}\.{parts[0]}\b"
        assert not re.search(gone, path.read_text(), re.M), path
