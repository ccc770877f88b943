"""Which versions of a model there are on disk, and which of them are to be served."""

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HIGHEST = 2**63 - 1  # in the messages a version is an int64
Files = frozenset[tuple[str, int, int]]


@dataclass(frozen=True)
class Policy:
    """A `model_version_policy`: the `newest` so many, or all for None; with `specific` those and no others."""

    newest: int | None = 1
    specific: frozenset[int] | None = None

    def choose(self, found: Collection[int]) -> list[int]:
        """Return the versions to serve among those found, highest first."""
        chosen = sorted(found, reverse=True)
        if self.specific is not None:
            return [number for number in chosen if number in self.specific]
        return chosen[: self.newest]


def find(base_path: Path) -> dict[int, Path]:
    """Return the version folders: those whose name is a number that a message can hold.

    Raises:
        OSError: there is no such folder, or it cannot be read.
    """
    names = [path for path in base_path.iterdir() if path.name.isascii() and path.name.isdigit()]
    return {int(path.name): path for path in names if int(path.name) <= HIGHEST and path.is_dir()}


def files_in(folder: Path) -> Files:
    """Return every file's name, size and time, which tell a folder that is being written from one that is not."""
    found = set()
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone since it was listed
                status = os.stat(os.path.join(parent, name))
                found.add((os.path.join(parent, name), status.st_size, status.st_mtime_ns))
    return frozenset(found)
