"""Find a model version on disk and prove that it is the one that was built.

Twin: web_single, synchronous and batch hold this file byte for byte, so that each folder can be copied alone.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ArtifactRefused(Exception):
    """The artefact is missing, incomplete or altered; the message is one line for the operator."""


@dataclass(frozen=True)
class Artifact:
    """One verified model version: its folder and what its `manifest.json` says."""

    path: Path
    version: int
    manifest: dict[str, Any]


def open_artifact(model_dir: Path, version: int | None = None) -> Artifact:
    """Return `version` of the model in `model_dir`, or the highest version there, with every sha256 checked.

    Raises:
        ArtifactRefused: no such folder or version, no readable manifest, or a file that differs from it.
    """
    if version is None:
        versions = [int(p.name) for p in model_dir.glob("*") if p.name.isascii() and p.name.isdigit() and p.is_dir()]
        if not versions:
            raise ArtifactRefused(f"{model_dir} holds no model version; build one with `make models`")
        version = max(versions)
    path = model_dir / str(version)
    try:
        manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text())
        files = {name: entry["sha256"] for name, entry in manifest["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactRefused(f"{path}/manifest.json cannot be read: {type(error).__name__}: {error}") from error
    for name, expected in files.items():
        try:
            with (path / name).open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ArtifactRefused(f"{path / name} cannot be read: {error.strerror}") from error
        if actual != expected:
            raise ArtifactRefused(f"{path / name} is not what was built: sha256 {actual}, manifest says {expected}")
    return Artifact(path, version, manifest)
