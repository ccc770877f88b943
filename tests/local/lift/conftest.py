"""Copies, and what checks them."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml

from local.lift.order import Order
from local.lift.parts import with_extras
from local.lift.patterns import PATTERNS
from local.lift.project import write_project
from local.processes import ROOT


@pytest.fixture(autouse=True)
def downloading(system_authorities):
    """A copy's environment is downloaded."""


@pytest.fixture(scope="session")
def lift_without(tmp_path_factory):
    """Write a copy of a pattern without some parts, and without running its smoke test."""

    def lift(pattern, removed, model=None, name="churn", place=None):
        project = (place or tmp_path_factory.mktemp("lifted")) / name
        project.mkdir()
        model = model or ROOT / "models" / "artifacts" / PATTERNS[pattern].model
        write_project(Order(pattern, project, name, tuple(removed), model), project)
        return project

    return lift


def check_code(projects, cache):
    """Check the code of all copies, which have different names, with one run of each program: a run takes seconds.

    Mypy has read the packages from PyPI when it checked this repository, with the same options.
    """
    folder = projects[0].parent
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", cache)
    types = ["mypy", "--warn-unreachable", f"--cache-dir={cache}", f"--config-file={projects[0].name}/pyproject.toml"]
    packages = [f"{project.name}/{project.name}" for project in projects]
    for argv in (
        ["ruff", "check", "--no-cache", "."],
        ["ruff", "format", "--no-cache", "--check", "."],
        [*types, *packages],
        ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", *folder.glob("*/compose.yaml")],
        ["check_jsonschema", "--builtin-schema", "vendor.github-workflows", *folder.glob("*/.github/workflows/ci.yml")],
    ):
        run([sys.executable, "-m", *argv], folder)


def run(argv, cwd):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def texts(project):
    """Return the texts of a copy by path, without its model, its locks and its licence."""
    left_out = {"models", "LICENSE", "origin.json"}
    paths = [path for path in project.rglob("*") if path.is_file() and path.suffix not in {".png", ".txt", ".pyc"}]
    relative = {path.relative_to(project): path for path in paths if ".ruff_cache" not in path.parts}
    return {str(name): path.read_text() for name, path in relative.items() if name.parts[0] not in left_out}


def check_names(project, pattern, removed):
    """A copy names nothing of this repository, and nothing that was removed."""
    kept = {path.parent.name for path in (project / project.name).glob("*/__init__.py")} - {"tests", "migrate"}
    folders = {path.parent.name for path in (ROOT / pattern).glob("*/__init__.py")} - {"tests", "migrate"}
    assert kept == folders - {*with_extras(pattern, removed)}
    for name, text in texts(project).items():
        found = re.findall(r"serving-patterns|models/artifacts|web_single|Twin: |make models|\$\w+_?name\b", text)
        assert not found, name
        marked = [] if name.startswith("serving/") else removed  # serving/ has parts of its own, some of the same name
        assert not [part for part in marked if re.search(f"optional: {part}$", text, re.M)], name


def check_dockerfiles(project):
    """What a Dockerfile copies is in the folder, and not ignored; what it imports is in the lock."""
    ignored = (project / ".dockerignore").read_text()
    for path in project.glob("Dockerfile*"):
        for source in re.findall(r"^COPY (?!--)(.+) \S+$", path.read_text(), re.M):
            for each in source.split():
                assert (project / each).exists(), f"{path.name}: {each}"
                assert f"!{each.split('/')[0]}\n" in ignored, each


def check_kubernetes(project):
    """kubectl builds the manifests where it is installed; every object is one that Kubernetes knows."""
    if shutil.which("kubectl"):
        run(["kubectl", "kustomize", "k8s"], project)
    import kubernetes_validate

    images = {each["image"] for each in yaml.safe_load((project / "compose.yaml").read_text())["services"].values()}
    for path in (project / "k8s").glob("*.yaml"):
        for each in yaml.safe_load_all(path.read_text()):
            if path.name != "kustomization.yaml":
                kubernetes_validate.validate(each, "1.33", strict=True)
                assert {*re.findall(r"'image': '([^']+)'", repr(each))} <= images
