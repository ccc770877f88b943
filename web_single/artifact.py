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


def open_artifact(model_dir: Path, version: int | None = None, keep: Collection[str] = ()) -> Artifact:
    """Return `version` of the model in `model_dir`, or its highest version, with every sha256 verified.

    `keep` names the files whose bytes are returned. These are the bytes that were verified, so a file that changes
    afterwards changes nothing.

    Raises:
        ArtifactRefused: there is no such folder or version, no readable manifest, or a file differs from it.
    """
    if version is None:
        versions = [int(p.name) for p in model_dir.glob("*") if p.name.isascii() and p.name.isdigit() and p.is_dir()]
        if not versions:
            raise ArtifactRefused(f"{model_dir} holds no model version; build one with `make models`")
        version = max(versions)
    path = model_dir / str(version)
    try:
        manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text())
        hashes = {name: entry["sha256"] for name, entry in manifest["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactRefused(f"{path}/manifest.json cannot be read: {type(error).__name__}: {error}") from error
    if missing := set(keep) - set(hashes):
        raise ArtifactRefused(f"{path}/manifest.json has no sha256 for {min(missing)}")
    contents = {name: _verify(path / name, expected, name in keep) for name, expected in hashes.items()}
    return Artifact(path, version, manifest, {name: contents[name] for name in keep})


def _verify(path: Path, expected: str, keep: bool) -> bytes:
    """Return the file's bytes if they are to be kept, else nothing: a large model is read only piece by piece."""
    try:
        with path.open("rb") as file:
            content = file.read() if keep else b""
            actual = (hashlib.sha256(content) if keep else hashlib.file_digest(file, "sha256")).hexdigest()
    except OSError as error:
        raise ArtifactRefused(f"{path} cannot be read: {error.strerror}") from error
    if actual != expected:
        raise ArtifactRefused(f"{path} is not what was built: sha256 {actual}, manifest says {expected}")
    return content
