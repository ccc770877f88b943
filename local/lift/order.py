"""What is to be lifted: pattern, parts, name, model and target, checked before anything is written."""

import keyword
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from .parts import optional_folders
from .pattern import Pattern
from .patterns import PATTERNS

NAME = re.compile("[a-z](?:[a-z0-9_]{0,38}[a-z0-9])?")  # a package, and with dashes an object in Kubernetes
TAKEN = {"config", "k8s", "models", "saved_model", "serving", "tests", "with_servers"} | set(sys.stdlib_module_names)
COPY = "copy"
ADDRESS = re.compile(r"(https://|dns://[^/\s,]*/)?[a-zA-Z0-9.-]+:\d{1,5}")


class LiftRefused(Exception):
    """Nothing was written; the message is one line that says what to do."""


@dataclass(frozen=True)
class Order:
    """A copy of `pattern` without the parts `removed`, named `name`, around `model`, in the new folder `target`.

    `serving` is `copy`, or the host:port of the serving program that a copy asks instead of one of its own.
    """

    pattern: str
    target: Path
    name: str
    removed: tuple[str, ...]
    model: Path
    golden: Path | None = None
    labels: tuple[str, ...] = ()
    serving: str = COPY

    @property
    def recipe(self) -> Pattern:
        """What is known about the pattern."""
        return PATTERNS[self.pattern]

    @property
    def copies_serving(self) -> bool:
        """Whether the copy has a serving program of its own."""
        return self.recipe.asks_serving and self.serving == COPY

    @property
    def dashed(self) -> str:
        """The name as Docker and Kubernetes have it."""
        return self.name.replace("_", "-")

    @property
    def kept(self) -> list[str]:
        """The parts that the copy has."""
        return [part for part in optional_folders(self.pattern) if part not in self.removed]


def check_pattern(pattern: str) -> str:
    """Return the pattern, or raise `LiftRefused`."""
    if pattern not in PATTERNS:
        reason = "cannot be lifted" if pattern else "is missing"
        raise LiftRefused(f"PATTERN={pattern}: {reason}; choose {' or '.join(PATTERNS)}")
    return pattern


def check_target(target: Path) -> Path:
    """Return the absolute path of a folder that does not exist yet, in a folder that does."""
    target = target.expanduser().absolute()
    if target.exists() or target.is_symlink():
        raise LiftRefused(f"TO={target}: exists already; name a new folder")
    if not target.parent.is_dir():
        raise LiftRefused(f"TO={target}: there is no folder {target.parent}; create it first")
    return target


def check_name(name: str) -> str:
    """Return the name of the new package, or raise `LiftRefused`."""
    if not NAME.fullmatch(name) or "__" in name or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise LiftRefused(f"NAME={name}: is not a valid package name; use up to 40 of a-z, 0-9 and _, a letter first")
    if name in TAKEN or name in metadata.packages_distributions():
        raise LiftRefused(f"NAME={name}: is the name of another package; choose another")
    return name


def check_serving(pattern: str, serving: str) -> str:
    """Return `copy` or the address of a serving program, or raise `LiftRefused`."""
    if not PATTERNS[pattern].asks_serving and serving != COPY:
        raise LiftRefused(f"SERVING={serving}: {pattern} has the model itself; leave it out")
    if serving != COPY and not ADDRESS.fullmatch(serving):
        raise LiftRefused(f"SERVING={serving}: is neither {COPY} nor the host:port of a serving program's gRPC")
    return serving


def choose_parts(pattern: str, without: Iterable[str] | None, only: Iterable[str] | None) -> tuple[str, ...]:
    """Return the parts that are removed, or raise `LiftRefused`.

    Args:
        without: the parts that the copy does not have.
        only: the parts that it has. At most one of the two is given; with neither, it has all.
    """
    parts = optional_folders(pattern)
    if without is not None and only is not None:
        raise LiftRefused("WITHOUT and ONLY were both given; give one of them")
    named = {*(without or ()), *(only or ())}
    if unknown := sorted(named - {*parts}):
        raise LiftRefused(f"{unknown[0]}: is not a part of {pattern}; its parts are {', '.join(parts)}")
    removed = {*parts} - named if only is not None else named
    return tuple(part for part in parts if part in removed)
