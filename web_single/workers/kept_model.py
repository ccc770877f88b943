"""The artefact as the master verified it, kept in memory for the workers that it forks.

A worker that replaces a dead one serves the bytes that were verified, whatever happens to the files meanwhile. Memory
is safer than a private copy of the files: no other program can alter it, it fills no disk, and nothing must be removed.
"""

from collections.abc import Callable

from ..artifact import Artifact
from ..settings import Settings

_kept: list[Artifact] = []


def keep(artifact: Artifact) -> None:
    """Let workers that are forked from now on serve this artefact."""
    _kept[:] = [artifact]


def kept_or(read: Callable[[Settings], Artifact]) -> Callable[[Settings], Artifact]:
    """Return a function that returns the artefact that the master kept, or calls `read` where there is no master."""
    return lambda settings: _kept[0] if _kept else read(settings)
