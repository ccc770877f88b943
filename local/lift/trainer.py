"""Code that puts pre-processing, network and post-processing into one SavedModel: the first lesson of synchronous."""

import shutil
import tomllib
from pathlib import Path

from ..processes import ROOT
from .requirements import closure, locked

FILES = ("image_serving.py", "golden.py", "manifest.py", "image_files")
INIT = '"""Builds the SavedModel that is served: decoding, preparing, predicting and ranking in one graph."""\n'


def put_trainer(project: Path) -> None:
    """Copy that code into saved_model/, with the lock of the packages that it imports."""
    folder = project / "saved_model"
    folder.mkdir()
    for name in FILES:
        if (ROOT / "models" / name).is_dir():
            shutil.copytree(ROOT / "models" / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / "models" / name, folder)
    (folder / "__init__.py").write_text(INIT)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [line for line in extras["models"] if not line.startswith(("serving-patterns", "pillow"))]
    lock = (ROOT / "models" / "requirements.txt").read_text()
    (folder / "requirements.txt").write_text(locked(lock, closure(["numpy", *wanted])))
