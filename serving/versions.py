"""The models to serve, the versions that are on disk, and which of these are wanted."""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

HIGHEST = 2**63 - 1  # a version is an int64 in the messages
Files = frozenset[tuple[str, int, int]]


@dataclass(frozen=True)
class Policy:
    """A `model_version_policy`: the `newest` n versions (None: all), or exactly the `specific` ones."""

    newest: int | None = 1
    specific: frozenset[int] | None = None

    def choose(self, found: Collection[int]) -> list[int]:
        """Return the versions to serve among those found, highest first."""
        chosen = sorted(found, reverse=True)
        if self.specific is not None:
            return [number for number in chosen if number in self.specific]
        return chosen[: self.newest]


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve: its name, the folder of its versions, which of them, and labels for some."""

    name: str
    base_path: Path
    policy: Policy = field(default_factory=Policy)
    labels: Mapping[str, int] = field(default_factory=dict)


def find(base_path: Path) -> dict[int, Path]:
    """Return the version folders: those whose name is a number that fits in a message.

    Raises:
        OSError: the folder does not exist or cannot be read.
    """
    names = [path for path in base_path.iterdir() if path.name.isascii() and path.name.isdigit()]
    return {int(path.name): path for path in names if int(path.name) <= HIGHEST and path.is_dir()}


def files_in(folder: Path) -> Files:
    """Return each file's name, size and time. While a folder is being written, two calls return different sets."""
    found = set()
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # deleted since it was listed
                status = os.stat(os.path.join(parent, name))
                found.add((os.path.join(parent, name), status.st_size, status.st_mtime_ns))
    return frozenset(found)
