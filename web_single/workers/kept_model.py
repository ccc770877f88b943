"""The artefact as the master verified it, kept in memory for the workers that it forks.

A worker that replaces a dead one serves the bytes that were verified, whatever happens to the files meanwhile. Memory
is safer than a private copy of the files: no other program can alter it, it fills no disk, and nothing must be removed.
"""

from ..artifact import Artifact

_kept: list[Artifact] = []


def keep(artifact: Artifact) -> None:
    """Let workers that are forked from now on serve this artefact."""
    _kept[:] = [artifact]


def kept_artifact() -> Artifact | None:
    """Return the artefact that the master kept, or None where there is no master."""
    return _kept[0] if _kept else None
