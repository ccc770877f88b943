"""Find a model version on disk and verify that it is the one that was built.

Twin: web_single and batch hold this file byte for byte, so that each folder can be copied alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import ServiceError


class ArtifactRefused(ServiceError):
    """The artefact is missing, incomplete, altered or of no use; the message is for the operator."""

    status = 503


@dataclass(frozen=True)
class Artifact:
    """One verified model version: its folder, its `manifest.json`, and the bytes of each file that it lists."""

    path: Path
    version: int
    manifest: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def open_artifact(model_dir: Path, version: int | None = None) -> Artifact:
    """Return `version` of the model in `model_dir`, or its highest version, with every sha256 verified.

    Raises:
        ArtifactRefused: there is no such folder or version, no readable manifest, or a file differs from it.
    """
    path = _find(model_dir, version)
    try:
        manifest: dict[str, Any] = json.loads((path / "manifest.json").read_bytes())
        entries = manifest["files"].items()
        hashes = {name: (entry if isinstance(entry, str) else entry["sha256"]).lower() for name, entry in entries}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactRefused(f"{path}/manifest.json cannot be read: {type(error).__name__}: {error}") from error
    files = {name: _read(path / name, expected) for name, expected in hashes.items()}
    return Artifact(path, int(path.name), manifest, files)


def _find(model_dir: Path, version: int | None) -> Path:
    """Return the folder of a version. Its name may begin with zeros, which TensorFlow Serving allows."""
    found = [path for path in model_dir.glob("*") if path.name.isascii() and path.name.isdigit() and path.is_dir()]
    if not found:
        raise ArtifactRefused(f"{model_dir} holds no model version; build one with `make models`")
    wanted = max(int(path.name) for path in found) if version is None else version
    names = sorted(path.name for path in found if int(path.name) == wanted)
    if len(names) > 1:
        raise ArtifactRefused(f"{model_dir} holds version {wanted} as {' and '.join(names)}; remove all but one")
    return model_dir / (names[0] if names else str(wanted))


def _read(path: Path, expected: str) -> bytes:
    """Return the bytes of a file with the expected sha256."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ArtifactRefused(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error
    if (actual := hashlib.sha256(content).hexdigest()) != expected:
        raise ArtifactRefused(f"{path} is not what was built: sha256 {actual}, manifest says {expected}")
    return content
