"""The house rules of the repository, checked on every file that git knows."""

import ast
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from local.processes import ROOT

PATTERNS = ("web_single", "synchronous", "asynchronous", "batch")
TWINS = {
    "artifact.py": {"web_single", "synchronous", "batch"},
    "messages.py": {"synchronous", "asynchronous"},
}
LOCKS = [*sorted(ROOT.glob("*/requirements*.txt")), ROOT / "requirements-dev.txt"]
LARGEST_MODULE, LARGEST_FUNCTION, LARGEST_FILE = 150, 40, 300_000


def tracked() -> list[Path]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def modules(folder: str) -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == folder]


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def imported(path: Path) -> set[str]:
    """The first name of every absolute import in a module."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_import_crosses_a_pattern(pattern):
    others = {*PATTERNS, "models", "local", "tests", "benchmarks"}
    crossing = {path.name: imported(path) & others for path in modules(pattern)}
    assert not {name: names for name, names in crossing.items() if names}


def test_twins_are_equal_and_the_only_ones():
    holders = defaultdict(set)
    for pattern in PATTERNS:
        for path in modules(pattern):
            holders[path.name, path.read_bytes()].add(pattern)
    shared = {name: held for (name, _), held in holders.items() if len(held) > 1}
    assert {name: held for name, held in shared.items() if name != "__init__.py"} == TWINS


@pytest.mark.parametrize("folder", [*PATTERNS, "models", "local", "benchmarks"])
def test_modules_and_functions_can_be_read_in_one_sitting(folder):
    for path in modules(folder):
        assert lines(path) <= LARGEST_MODULE, path
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < LARGEST_FUNCTION, f"{path}: {node.name}"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_readme_fits_on_two_screens(pattern):
    assert lines(ROOT / pattern / "README.md") <= 80


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_locks_hold_hashes_and_no_addresses(lock):
    text = lock.read_text()
    requirements = re.findall(r"^[a-z0-9][^\n]*==[^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.M)
    assert "".join(requirements) == text
    assert "://" not in text


def test_all_locks_pin_the_same_versions():
    pins = defaultdict(set)
    for lock in LOCKS:
        for name, rest in re.findall(r"^([a-z0-9-]+)==([^\\\n]+)", lock.read_text(), re.M):
            pins[name, rest.partition(";")[2].strip()].add(rest.partition(";")[0].strip())
    assert not {name: versions for name, versions in pins.items() if len(versions) > 1}


def test_nothing_generated_large_or_private_is_tracked():
    for path in tracked():
        assert path.stat().st_size <= LARGEST_FILE, path
        assert path.suffix not in {".onnx", ".pb", ".pyc", ".sqlite3"}, path
        assert path.name not in {"uv.lock", "package-lock.json", ".env"}, path


def test_no_image_is_pulled_by_a_moving_tag():
    files = [path for path in tracked() if path.name.startswith("Dockerfile") or path.suffix in {".yml", ".yaml"}]
    assert files
    assert not [path for path in files if re.search(r"(image:|FROM) *\S*:latest", path.read_text())]


def test_every_make_target_has_a_line_of_help_and_stands_in_the_readme():
    printed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    listed = set(re.findall(r"make ([\w-]+)", printed))
    assert {"demo", "test", "up", "down", "models", "k8s-secrets", "help", "lock", "format", "clean"} <= listed
    used = set(re.findall(r"`make ([\w-]+)", (ROOT / "README.md").read_text()))
    assert used <= listed
