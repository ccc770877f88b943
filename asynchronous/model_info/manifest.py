"""Read the served model's `manifest.json`. The proxy reads nothing else of the artefact."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class Labels(BaseModel):
    labels: list[str]


class Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    version: int
    framework: str
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]


class ManifestMissing(Exception):
    """There is no readable manifest; the message is one line for the operator."""


def read_manifest(model_dir: Path, version: int | None) -> tuple[Metadata, Labels]:
    """Return the signature and labels of `version` of the model in `model_dir`, by default of the highest version.

    Raises:
        ManifestMissing: there is no such folder or version, or the file is not a manifest.
    """
    if version is None:
        versions = [int(path.name) for path in model_dir.glob("[0-9]*") if path.name.isdecimal() and path.is_dir()]
        if not versions:
            raise ManifestMissing(f"{model_dir} holds no model version; build one with `make models`")
        version = max(versions)
    path = model_dir / str(version) / "manifest.json"
    try:
        manifest = path.read_bytes()
        return Metadata.model_validate_json(manifest), Labels.model_validate_json(manifest)
    except OSError as error:
        raise ManifestMissing(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "file"
        raise ManifestMissing(f"{path} is not a manifest: {field}: {first['msg']}") from error
