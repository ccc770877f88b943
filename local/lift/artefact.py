"""The model of the copy: a version that was packaged before, or an ONNX file that is packaged now."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from web_single.artifact import ArtifactRefused, open_artifact

from .images import takes_images
from .order import LiftRefused, Order

PACKAGED = "python -m models.package"


def find_version(model: Path) -> Path:
    """Return the folder of the highest version of a packaged model; `model` may be that folder itself."""
    if (model / "manifest.json").is_file():
        return model
    versions = [path.parent for path in model.glob("*/manifest.json") if path.parent.name.isdecimal()]
    if not versions:
        raise LiftRefused(f"MODEL={model}: holds no packaged model; package one with `{PACKAGED}`")
    return max(versions, key=lambda path: int(path.name))


def put_model(order: Order, models: Path) -> dict[str, Any]:
    """Put the model into the folder `models/<its name>/<version>`, and return its manifest."""
    bare = order.model if order.model.is_file() else _bare_graph(order.model)
    if bare is not None:
        version = _package(order, bare, models)
    else:
        source = find_version(order.model)
        if order.golden or order.labels:
            raise LiftRefused(f"MODEL={source}: is packaged already; leave out GOLDEN and LABELS")
        name = read_manifest(source).get("name")
        if not isinstance(name, str) or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise LiftRefused(f"MODEL={source}: manifest.json has no valid name; package it with `{PACKAGED}`")
        try:
            open_artifact(source.parent, int(source.name))
        except ArtifactRefused as error:
            raise LiftRefused(f"MODEL={order.model}: {error}") from error
        version = models / name / str(int(source.name))
        shutil.copytree(source, version)
    manifest = read_manifest(version)
    check_fits(order, manifest)
    if not (version / "golden.json").is_file():
        raise LiftRefused(f"MODEL={order.model}: has no golden answers; package it with `{PACKAGED}`")
    return manifest


def read_manifest(version: Path) -> dict[str, Any]:
    """Return the manifest of a version, or raise `LiftRefused`."""
    try:
        manifest: dict[str, Any] = json.loads((version / "manifest.json").read_text())
        assert isinstance(manifest["inputs"], list)
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise LiftRefused(f"MODEL={version}: manifest.json cannot be read: {type(error).__name__}: {error}") from error
    return manifest


def check_fits(order: Order, manifest: dict[str, Any]) -> None:
    """Raise `LiftRefused` if the pattern cannot serve the model, or if the model needs a part that was left out."""
    if order.recipe.asks_serving:
        return _check_saved_model(order, manifest)
    if "model.onnx" not in manifest.get("files", {}):
        raise LiftRefused(f"MODEL={order.model}: is not an ONNX model; {order.pattern} serves no other")
    match manifest["inputs"]:
        case [{"dtype": "float32" | "float64", "shape": [None, int()]} as only] if not only.get("missing"):
            return
    if "columns" in order.removed:
        reason = "takes several inputs, text, whole numbers or missing numbers"
        raise LiftRefused(f"MODEL={order.model}: {reason}; it needs the part columns")


def _check_saved_model(order: Order, manifest: dict[str, Any]) -> None:
    if "saved_model.pb" not in manifest.get("files", {}):
        raise LiftRefused(f"MODEL={order.model}: is not a SavedModel; {order.pattern} serves no other")
    if takes_images(manifest):
        if "model_info" in order.kept and not manifest.get("labels"):
            raise LiftRefused(f"MODEL={order.model}: has no labels; package it with LABELS=a,b or remove model_info")
    elif order.pattern == "asynchronous":
        reason = "does not map `image` to `label` and `probability`"
        raise LiftRefused(f"MODEL={order.model}: {reason}; lift synchronous, or wrap it as image_serving.py does")
    elif "signatures" in order.removed:
        raise LiftRefused(f"MODEL={order.model}: does not map `image` to `label`; it needs the part signatures")


def fitted(order: Order, manifest: dict[str, Any]) -> Order:
    """Return the order without the part `cli`, which sends only images, if the model takes other inputs."""
    if order.pattern == "synchronous" and "cli" in order.kept and not takes_images(manifest):
        return replace(order, removed=(*order.removed, "cli"))
    return order


def _bare_graph(model: Path) -> Path | None:
    """Return the folder of a SavedModel without a manifest: `model`, or its highest version."""
    versions = [path for path in model.glob("*") if path.name.isdecimal()]
    for folder in (model, max(versions, key=lambda path: int(path.name), default=model)):
        if (folder / "saved_model.pb").is_file() and not (folder / "manifest.json").is_file():
            return folder
    return None


def _package(order: Order, source: Path, models: Path) -> Path:
    """Package an ONNX file, or the folder of a SavedModel."""
    from models.manifest import BuildFailed  # not at the top: these imports take seconds
    from models.package.answers import read_golden

    if order.golden is None:
        raise LiftRefused(f"MODEL={order.model}: give rows with the answers of its trainer, GOLDEN=rows.json")
    try:
        golden, package = read_golden(order.golden), _packager(source)
        return package(source, order.dashed, golden, labels=list(order.labels) or None, models=models)
    except BuildFailed as error:
        raise LiftRefused(f"MODEL={order.model}: {error}") from error


def _packager(source: Path) -> Callable[..., Path]:
    if source.is_file():
        from models.package.onnx_file import package_onnx

        return package_onnx
    from models.package.saved_model import package_saved_model

    return package_saved_model
