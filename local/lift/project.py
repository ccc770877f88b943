"""The folder of a copy: the package under its new name, the model, and what runs, tests and deploys it."""

import shutil
from pathlib import Path
from string import Template
from typing import Any

from ..processes import ROOT
from .artefact import fitted, put_model
from .deployment import write_deployment
from .images import fit_tests, takes_images
from .lines import chosen_lines, flags
from .naming import renamer
from .order import Order
from .parts import copy_without
from .readme import TEMPLATES, write_readme
from .requirements import locks, write_requirements
from .rows import fit_seed
from .serving import put_serving
from .trainer import put_trainer
from .update import write_origin

UNCHANGED = {".png", ".jpeg", ".gif", ".bmp", ".txt"}
FILES = {
    "Makefile": "Makefile",
    "settings.toml": "pyproject.toml",
    "gitignore": ".gitignore",
    "dockerignore": ".dockerignore",
    "ci.yml": ".github/workflows/ci.yml",
}
SECRETS = """
.PHONY: secrets
secrets: ## write random passwords into secrets/, where there are none yet
	sh passwords.sh 022 secrets $secrets
"""


def write_project(order: Order, project: Path) -> list[tuple[str, str]]:
    """Write the copy into the empty folder `project`; return what was done, as rows of a table."""
    manifest = put_model(order, project / "models")
    version = project / "models" / manifest["name"] / str(manifest["version"])
    order, rename = fitted(order, manifest), renamer(order, manifest)
    copy = copy_without(order.pattern, order.removed, project, order.name)
    (copy / "README.md").unlink()
    if order.pattern == "batch" and "seed" not in order.removed:
        fit_seed(copy)
    if order.recipe.asks_serving:
        fit_tests(order, copy, version, manifest)
    for path in sorted(copy.rglob("*")):
        if path.is_file() and path.suffix not in UNCHANGED:
            path.write_text(rename(path.read_text()))
    write_deployment(order, project, rename)
    dropped = write_requirements(order, project)
    put_serving(order, project, rename)
    if order.pattern == "synchronous":
        put_trainer(project)
    chosen = flags(order, images=takes_images(manifest))
    _write_templates(order, project, manifest, chosen)
    write_readme(order, project, manifest, chosen)
    write_origin(order, project, manifest["name"])
    return _table(order, manifest, dropped)


def _write_templates(order: Order, project: Path, manifest: dict[str, Any], chosen: set[str]) -> None:
    words = {"name": order.name, "dashed": order.dashed, "model": manifest["name"]}
    recipe = order.recipe
    words |= {"start": Template(recipe.start).substitute(words), "run": Template(recipe.run).substitute(words)}
    if order.pattern == "synchronous" and not order.copies_serving:
        words["run"] = f"ask {order.serving}"
    words["secrets"] = " ".join(recipe.secrets)
    words["locks"] = " ".join(path.relative_to(project).as_posix() for path in locks(order, project))
    files = FILES | ({"with_servers.txt": "with_servers.py"} if "with_servers" in chosen else {})
    for source, target in files.items():
        (project / target).parent.mkdir(parents=True, exist_ok=True)
        text = chosen_lines((TEMPLATES / source).read_text(), chosen)
        (project / target).write_text(Template(text).safe_substitute(words))
    if recipe.secrets:
        shutil.copy(ROOT / "local" / "passwords.sh", project)
        with (project / "Makefile").open("a") as file:
            file.write(Template(SECRETS).safe_substitute(words))
    (project / "LICENSE").write_text((ROOT / "LICENSE").read_text())


def _table(order: Order, manifest: dict[str, Any], dropped: list[str]) -> list[tuple[str, str]]:
    return [
        ("pattern", f"{order.pattern}, as the package {order.name}"),
        ("model", f"{manifest['name']}, version {manifest['version']}, {manifest.get('task', 'classification')}"),
        ("inputs", ", ".join(f"{each['name']} {each['dtype']}" for each in manifest["inputs"])),
        ("parts", ", ".join(order.kept) or "none"),
        ("removed", ", ".join(order.removed) or "none"),
        *([("serving program", order.serving)] if order.recipe.asks_serving else []),
        ("no longer required", ", ".join(dropped) or "nothing"),
    ]
