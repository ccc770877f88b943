"""The rules in CONTRIBUTING.md, checked on every file that git knows."""

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.lift.parts import COPYABLE, EXTRAS, MARK, optional_folders
from local.processes import ROOT

PATTERNS = ("web_single", "synchronous", "asynchronous", "batch")
# The only files that are identical in several folders: the contract between patterns. The docstrings list the folders.
TWINS = {
    "artifact.py": {"web_single", "serving", "batch"},
    "model.py": {"web_single", "batch"},
    "rows.py": {"web_single", "batch"},
    "columns.py": {"web_single/columns", "batch/columns"},
    "repeated_names.py": {"web_single/columns", "web_single/open_inference", "batch/api"},
    "text_parts.py": {"web_single/columns", "batch/columns"},
    "golden.py": {"web_single/golden", "serving/golden", "batch/golden"},
    "answers.py": {"web_single/golden", "batch/golden"},
    "probabilities.py": {"web_single/golden", "batch/golden"},
    "messages.py": {"synchronous", "serving", "asynchronous"},
    "channel_pool.py": {"synchronous/spread", "asynchronous/spread"},
    "credentials.py": {"synchronous/tls", "asynchronous/tls"},
    "handshake.py": {"synchronous/tls", "asynchronous/tls"},
    "secure_channel.py": {"synchronous/tls", "asynchronous/tls"},
    "files.py": {"web_single/page", "batch/page"},
    "any_client.py": {"web_single/compatibility", "asynchronous/compatibility", "batch/api"},
    "pages.py": {"web_single/docs", "asynchronous/docs", "batch/api"},
    "unread_body.py": {"web_single/limits", "asynchronous/server", "batch/api"},
    "stopping.py": {"web_single/workers", "asynchronous/server"},
    "http.py": {"web_single/workers", "asynchronous/server"},
}
# The modules that compose a program. They may import an optional folder, in marked lines.
COMPOSITION_ROOTS = {
    "app.py",
    "connection.py",
    "worker.py",
    "job.py",
    "predictor.py",
    "database.py",
    "errors.py",
    "settings.py",
    "client.py",
    "__main__.py",
    "gunicorn.conf.py",
}
ROLES = {
    "web_single": "app api model artifact schemas settings errors",
    "synchronous": "client channel transport messages",
    "asynchronous": "app api model worker job_queue schemas settings errors",
    "batch": "job runner queries tables database model artifact schemas settings errors",
}
LARGEST_ROOT = {"web_single": 400, "synchronous": 300, "asynchronous": 750, "batch": 550}  # non-blank lines of Python
LARGEST_SCRIPT = 200  # non-blank lines of asynchronous/job_queue.lua
LARGEST_MODULE, LARGEST_FUNCTION, LARGEST_README = 150, 40, 80  # lines
LARGEST_FILE = 300_000  # bytes
HEADINGS = [
    "Run",
    "What you should see",
    "Read in this order",
    "Optional parts",
    "What happens when",
    "Settings",
    "Copy it",
]
LOCKS = [
    *sorted(ROOT.glob("*/requirements*.txt")),
    *sorted(ROOT.glob("*/*/requirements*.txt")),
    ROOT / "requirements-dev.txt",
]


def tracked() -> list[Path]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def modules(folder: str) -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == folder]


def root_modules(folder: str) -> list[Path]:
    return [path for path in modules(folder) if path.parent == ROOT / folder]


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def imports(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield the line, the dotted name, and whether it is relative to the folder, for every import in a module."""
    relative_to = path.relative_to(ROOT).parts[1:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*relative_to[: len(relative_to) - node.level + 1]] if node.level else []
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ((node.end_lineno or 0, ".".join([*base, name]), node.level > 0) for name in names)


@pytest.mark.parametrize("folder", COPYABLE)
def test_no_import_crosses_a_pattern(folder):
    others = {*COPYABLE, "models", "local", "tests", "benchmarks"}
    for path in modules(folder):
        names = {name.split(".")[0] for _, name, relative in imports(path) if not relative}
        assert not names & others, path


@pytest.mark.parametrize("folder", COPYABLE)
def test_the_root_imports_an_optional_folder_only_in_marked_lines_of_composition_roots(folder):
    optional = {*optional_folders(folder), EXTRAS}
    for path in root_modules(folder):
        text = path.read_text().splitlines()
        for line, name, relative in imports(path):
            if relative and (part := name.split(".")[0]) in optional:
                assert path.name in COMPOSITION_ROOTS or all(MARK in each for each in text if each.strip()), path
                assert text[line - 1].endswith(f"{MARK} {part}"), f"{path}:{line}"


@pytest.mark.parametrize("folder", COPYABLE)
def test_an_optional_folder_imports_another_one_only_in_marked_lines_of_composition_roots(folder):
    optional = {*optional_folders(folder), EXTRAS}
    for path in modules(folder):
        text, own = path.read_text().splitlines(), path.relative_to(ROOT / folder).parts[0]
        for line, name, relative in imports(path):
            if relative and own != path.name and (part := name.split(".")[0]) in optional - {own}:
                assert path.name in COMPOSITION_ROOTS or EXTRAS in (own, part), path
                assert text[line - 1].endswith(f"{MARK} {part}"), f"{path}:{line}"


@pytest.mark.parametrize("folder", COPYABLE)
def test_an_optional_folder_documents_its_purpose_cost_alternative_and_removal(folder):
    extras = [EXTRAS] if (ROOT / folder / EXTRAS).exists() else []
    for part in [*optional_folders(folder), *extras]:
        said = ast.get_docstring(ast.parse((ROOT / folder / part / "__init__.py").read_text())) or ""
        answers = re.findall("^(Protects from|Costs|Instead|Remove): .", said, re.M)
        assert answers == ["Protects from", "Costs", "Instead", "Remove"], f"{folder}/{part}"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_same_role_has_the_same_file_name(pattern):
    assert {f"{role}.py" for role in ROLES[pattern].split()} <= {path.name for path in root_modules(pattern)}


def test_only_twins_are_identical_and_their_docstrings_list_their_folders():
    holders = defaultdict(set)
    for folder in COPYABLE:
        for path in modules(folder):
            holders[path.name, path.read_bytes()].add(str(path.parent.relative_to(ROOT)))
    shared = {name: held for (name, _), held in holders.items() if len(held) > 1}
    assert {name: held for name, held in shared.items() if name != "__init__.py"} == TWINS
    for name, held in TWINS.items():
        said = ast.get_docstring(ast.parse((ROOT / min(held) / name).read_text())) or ""
        assert all(holder in said.partition("Twin: ")[2] for holder in held), name


@pytest.mark.parametrize("folder", [*COPYABLE, "models", "local", "benchmarks"])
def test_modules_and_functions_are_short(folder):
    for path in modules(folder):
        assert lines(path) <= LARGEST_MODULE, path
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < LARGEST_FUNCTION, f"{path}: {node.name}"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_root_of_a_pattern_is_short(pattern):
    found = [line for path in root_modules(pattern) for line in path.read_text().splitlines() if line.strip()]
    assert len(found) <= LARGEST_ROOT[pattern]


def test_the_script_of_the_queue_is_short():
    text = (ROOT / "asynchronous" / "job_queue.lua").read_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= LARGEST_SCRIPT


def test_contributing_states_exactly_the_limits_that_are_checked():
    checked = {*LARGEST_ROOT.values(), LARGEST_SCRIPT, LARGEST_MODULE, LARGEST_FUNCTION, LARGEST_README}
    stated = set(re.findall(r"\b(\d+) (?:non-blank )?lines", (ROOT / "CONTRIBUTING.md").read_text()))
    assert stated == set(map(str, checked))


@pytest.mark.parametrize("folder", COPYABLE)
def test_a_readme_is_short_and_has_the_same_headings_in_the_same_order(folder):
    readme = (ROOT / folder / "README.md").read_text()
    text = re.sub(r"(```mermaid\n.*?```|^!\[.*?\))\n\n", "", readme, flags=re.S | re.M)
    assert len(text.splitlines()) <= LARGEST_README
    assert re.findall(r"^## (.*)", text, re.M) == HEADINGS


@pytest.mark.parametrize("folder", COPYABLE)
def test_a_readme_lists_every_optional_folder(folder):
    table = (ROOT / folder / "README.md").read_text().partition("## Optional parts")[2].partition("\n## ")[0]
    first_cells = " ".join(re.findall(r"^\| (`\w+/`.*?) \|", table, re.M))
    extras = {EXTRAS} if (ROOT / folder / EXTRAS).exists() else set()
    assert set(re.findall(r"`(\w+)/`", first_cells)) == {*optional_folders(folder)} | extras


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_lock_files_contain_hashes_and_no_urls(lock):
    text = lock.read_text()
    requirements = re.findall(r"^[a-z0-9][^\n]*==[^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.M)
    assert "".join(requirements) == text
    assert "://" not in text


def test_all_lock_files_pin_the_same_versions():
    pins = defaultdict(set)
    for lock in LOCKS:
        for name, rest in re.findall(r"^([a-z0-9-]+)==([^\\\n]+)", lock.read_text(), re.M):
            pins[name, rest.partition(";")[2].strip()].add(rest.partition(";")[0].strip())
    assert not {name: versions for name, versions in pins.items() if len(versions) > 1}


def test_no_generated_large_or_private_file_is_tracked():
    for path in tracked():
        assert path.stat().st_size <= LARGEST_FILE, path
        exported_elsewhere = path.is_relative_to(ROOT / "models" / "gallery" / "pytorch")
        assert exported_elsewhere or path.suffix not in {".onnx", ".pb", ".pyc", ".sqlite3"}, path
        assert path.name not in {"uv.lock", "package-lock.json", ".env"}, path


def test_no_image_is_pulled_by_a_moving_tag():
    files = [path for path in tracked() if path.name.startswith("Dockerfile") or path.suffix in {".yml", ".yaml"}]
    assert files
    assert not [path for path in files if re.search(r"(image:|FROM) *\S*:latest", path.read_text())]


def test_every_make_target_in_the_readme_has_a_line_of_help():
    printed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    listed = set(re.findall(r"make ([\w-]+)", printed))
    assert {"demo", "test", "up", "down", "models", "k8s-secrets", "help", "lock", "format", "clean"} <= listed
    used = set(re.findall(r"`make ([\w-]+)", (ROOT / "README.md").read_text()))
    assert used <= listed
