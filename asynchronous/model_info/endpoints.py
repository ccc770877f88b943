"""What `manifest.json` says about the served model, over HTTP."""

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from pydantic import PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..settings import read_environment
from .manifest import Labels, ManifestMissing, Metadata, read_manifest

router = APIRouter()


class ModelSettings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    model_dir: Path = Path("models/artifacts/digits")
    model_version: PositiveInt | None = None


def add_model_info(app: FastAPI) -> None:
    """Read the manifest and add the endpoints; a missing manifest ends the program with one line."""
    settings = read_environment(ModelSettings)
    try:
        app.state.metadata, app.state.labels = read_manifest(settings.model_dir, settings.model_version)
    except ManifestMissing as error:
        raise SystemExit(f"MODEL_DIR: {error}") from None
    app.version = str(app.state.metadata.version)
    app.include_router(router)


@router.get("/metadata")
async def metadata(request: Request) -> Metadata:
    """Return the served model's signature."""
    found: Metadata = request.app.state.metadata
    return found


@router.get("/label")
async def label(request: Request) -> Labels:
    """Return the labels that the model can answer with."""
    found: Labels = request.app.state.labels
    return found
