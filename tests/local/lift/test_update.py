"""`--update` prints, as a patch, what has changed in the repository since a copy was lifted."""

import json
import shutil
import subprocess
import sys

import pytest

from local.processes import ROOT

pytestmark = pytest.mark.timeout(600)
NEEDED = {"web_single", "asynchronous", "synchronous", "serving", "local", "models", "k8s"}


def git(folder, *argv):
    settings = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *settings, *argv], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path):
    """Return a repository of its own, with this working tree as its only commit, and a copy lifted from it."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in filter(lambda name: (ROOT / name).is_file(), listed):
        if (
            name.startswith(("web_single/", "asynchronous/", "synchronous/", "serving/", "local/", "models/", "k8s/"))
            or "/" not in name
        ):
            (tmp_path / "repository" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "repository" / name)
    git(tmp_path / "repository", "init", "-q")
    commit(tmp_path / "repository")
    return tmp_path / "repository"


def commit(repository):
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "a change")


def lift(repository, *argv):
    argv = [sys.executable, "-m", "local.lift", *argv]
    return subprocess.run(argv, cwd=repository, capture_output=True, text=True, check=False)


@pytest.mark.exhaustive
def test_the_patch_brings_a_change_into_a_copy_that_was_changed_itself(repository, tmp_path):
    copy = tmp_path / "churn"
    model = ["--model", str(ROOT / "models" / "artifacts" / "iris")]
    done = lift(repository, "--pattern", "web_single", "--to", str(copy), *model, "--without", "fast", "--no-smoke")
    assert done.returncode == 0, done.stderr
    (copy / "churn" / "settings.py").write_text((copy / "churn" / "settings.py").read_text() + "# mine\n")
    for name in ("errors.py", "fast/stack.py"):
        with (repository / "web_single" / name).open("a") as file:
            file.write("# theirs: web_single\n")
    commit(repository)
    patch = lift(repository, "--update", str(copy)).stdout
    subprocess.run(["git", "apply", "-p2"], cwd=copy, input=patch, text=True, check=True)
    changed = {path.name for path in copy.rglob("*") if path.is_file() and b"# theirs: churn" in path.read_bytes()}
    assert changed == {"errors.py"}
    assert json.loads((copy / "origin.json").read_text())["commit"] == git(repository, "rev-parse", "HEAD").strip()
    assert lift(repository, "--update", str(copy)).stderr == "lift: nothing has changed\n"


@pytest.mark.exhaustive
def test_the_patch_of_a_copy_with_a_serving_program_changes_that_too(repository, tmp_path):
    copy = tmp_path / "churn"
    argv = ["--pattern", "asynchronous", "--to", str(copy), "--model", str(ROOT / "models" / "artifacts" / "digits")]
    done = lift(repository, *argv, "--only", "waiting", "--no-smoke")
    assert done.returncode == 0, done.stderr
    for name in ("serving/ports.py", "asynchronous/keys.py", "synchronous/monitoring.config"):
        with (repository / name).open("a") as file:
            file.write("# theirs: asynchronous.\n")
    commit(repository)
    patch = lift(repository, "--update", str(copy)).stdout
    subprocess.run(["git", "apply", "-p2"], cwd=copy, input=patch, text=True, check=True)
    changed = {path.name for path in copy.rglob("*") if path.is_file() and b"# theirs: " in path.read_bytes()}
    assert changed == {"ports.py", "keys.py", "monitoring.config"}


def test_a_folder_that_was_not_lifted_is_refused_in_one_line(tmp_path):
    done = lift(ROOT, "--update", str(tmp_path))
    assert (done.returncode, done.stderr.count("\n"), "name a folder that was lifted" in done.stderr) == (1, 1, True)
