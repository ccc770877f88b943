"""Find a model version on disk and verify that it is the one that was built.

Twin: web_single, serving and batch hold this file byte for byte, so that each folder can be copied alone.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class ArtifactRefused(Exception):
    """The artefact is missing, incomplete or altered; the message is one line for the operator."""


@dataclass(frozen=True)
class Artifact:
    """One verified model version: its folder, its `manifest.json`, and the bytes of the files that were asked for."""

    path: Path
    version: int
    manifest: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def open_artifact(model_dir: Path, version: int | None = None, keep: Collection[str] | None = ()) -> Artifact:
    """Return `version` of the model in `model_dir`, or its highest version, with every sha256 verified.

    `keep` names the files whose bytes are returned as they were verified, if the manifest has them; None means all.

    Raises:
        ArtifactRefused: there is no such folder, version or readable manifest, or a file differs from the manifest.
    """
    path = _find(model_dir, version)
    try:
        manifest: dict[str, Any] = json.loads((path / "manifest.json").read_bytes())
        json.dumps(manifest, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8, so no answer can hold it
        entries = manifest["files"].items()
        hashes = {name: (entry if isinstance(entry, str) else entry["sha256"]).lower() for name, entry in entries}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactRefused(f"{path}/manifest.json cannot be read: {type(error).__name__}: {error}") from error
    files = {name: _verify(path / name, expected, keep is None or name in keep) for name, expected in hashes.items()}
    return Artifact(path, int(path.name), manifest, {name: read for name, read in files.items() if read is not None})


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


def _verify(path: Path, expected: str, keep: bool) -> bytes | None:
    """Return the file's bytes if `keep`, else None; a large file is then read in pieces and never held in memory."""
    try:
        with path.open("rb") as file:
            content = file.read() if keep else None
            digest = hashlib.file_digest(file, "sha256") if content is None else hashlib.sha256(content)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ArtifactRefused(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error
    if (actual := digest.hexdigest()) != expected:
        raise ArtifactRefused(f"{path} is not what was built: sha256 {actual}, manifest says {expected}")
    return content
