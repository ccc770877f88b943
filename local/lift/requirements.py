"""The locked requirements of a copy: those of the pattern, without what only the removed parts needed."""

import ast
import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..processes import ROOT
from .order import Order

BLOCK = re.compile(r"^([a-z0-9-]+)==[^\n]*\n(?:    --hash[^\n]*\n)+", re.M)
TESTS = ("httpx", "pytest")  # what the smoke tests import


def write_requirements(order: Order, project: Path) -> list[str]:
    """Write the locks of the service and of its smoke test; return the packages that it no longer needs."""
    lock = project / order.name / "requirements.txt"
    needed, text = needed_packages(order, project), lock.read_text()
    lock.unlink()
    (project / "requirements.txt").write_text(locked(text, closure(needed)))
    tests = locked((ROOT / "local" / "requirements.txt").read_text(), closure((*TESTS, *order.recipe.tests)))
    (project / "requirements-test.txt").write_text(tests)
    return sorted({*names(text)} - {*names((project / "requirements.txt").read_text())})


def locks(order: Order, project: Path) -> list[Path]:
    """Return the files whose packages the smoke test needs."""
    own = [project / "requirements.txt", project / "requirements-test.txt"]
    return [*own, project / "serving" / "requirements.txt"] if order.copies_serving else own


def needed_packages(order: Order, project: Path) -> list[str]:
    """Return the direct requirements of the pattern, without those that only removed parts use."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    direct: list[str] = pyproject["project"]["optional-dependencies"][order.pattern]
    removed = [ROOT / order.pattern / part for part in order.removed]
    gone, kept = mentioned(removed), mentioned([project])
    modules = modules_of_packages()
    return [
        line
        for line in direct
        for found in [modules.get(canonicalize_name(Requirement(line).name), set())]
        if found & kept or not found & gone
    ]


def mentioned(folders: Iterable[Path]) -> set[str]:
    """Return the modules that Python files import or name in strings, and the words of Dockerfiles."""
    found: set[str] = set()
    for folder in folders:
        for path in folder.rglob("Dockerfile*"):
            text = path.read_text()
            found |= {*re.findall(r"\w+", text), *re.findall("[a-z0-9]+", text)}  # httptools_impl needs httptools
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                    found.add(node.module.split(".")[0])
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value.split(".")[0])
    return found


@cache
def modules_of_packages() -> dict[str, set[str]]:
    """Return the top-level modules of each installed package."""
    found: dict[str, set[str]] = {}
    for module, packages in metadata.packages_distributions().items():
        for package in packages:
            found.setdefault(canonicalize_name(package), set()).add(module)
    return found


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the names of packages and of all that they require, on any system. A package must be installed here."""
    todo, seen = [Requirement(line) for line in requirements], set()
    while todo:
        requirement = todo.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        todo += [child for child in map(Requirement, _requires(name)) if _applies(child, extras)]
    return {name for name, _ in seen}


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # for another system than this one
        return []


def _applies(child: Requirement, extras: frozenset[str]) -> bool:
    """Return whether a package with these extras requires `child`, on this system or on another."""
    if child.marker is None or "extra" not in str(child.marker):
        return True
    return any(child.marker.evaluate({"extra": extra}) for extra in extras)


def names(lock: str) -> list[str]:
    """Return the names of the packages in a lock."""
    return [match[1] for match in BLOCK.finditer(lock)]


def locked(lock: str, wanted: set[str]) -> str:
    """Return the part of a lock for the packages that are wanted, as it was locked."""
    return "".join(match[0] for match in BLOCK.finditer(lock) if match[1] in wanted)
