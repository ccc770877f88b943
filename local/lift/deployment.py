"""Dockerfile, compose file and Kubernetes manifests of a copy, made from those of this repository."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ..processes import ROOT
from .order import Order
from .parts import without_marked_lines
from .readme import settings

Rename = Callable[[str], str]
BUILDS = {"serving": {"context": ".", "dockerfile": "${SERVING_DOCKERFILE:-Dockerfile.serving}"}}
KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def write_deployment(order: Order, project: Path, rename: Rename) -> None:
    """Write the files, for images that are built in the folder `project`."""
    dockerfile = project / order.name / order.recipe.dockerfile
    (project / "Dockerfile").write_text(own_dockerfile(dockerfile.read_text(), order))
    dockerfile.unlink()
    if order.pattern == "synchronous" and not order.copies_serving:
        return  # a client alone is not a service
    (project / "compose.yaml").write_text(rename(own_compose(order)))
    has, had = ({name for name, *_ in settings(each)} for each in (project / order.name, ROOT / order.pattern))
    gone, folder = had - has, project / "k8s"
    folder.mkdir()
    manifests = [name for name in order.recipe.manifests if order.recipe.files.get(name) not in order.removed]
    if not order.copies_serving:
        manifests = [name for name in manifests if name != "serving.yaml"]
    for name in manifests:
        text = without_marked_lines((ROOT / "k8s" / name).read_text(), order.removed)
        (folder / rename(name)).write_text(rename(_without_comments(text, gone)))
    resources = [rename(name) for name in manifests]
    own = {"namespace": order.dashed} if order.recipe.asks_serving else {}  # redis and serving are common names
    (folder / "kustomization.yaml").write_text(_dump(KUSTOMIZATION | own | {"resources": resources}))


def own_dockerfile(text: str, order: Order) -> str:
    """Return a Dockerfile that copies the model, instead of one that trains it."""
    name = order.name
    text = re.sub(r"FROM \S+ AS model\n.*?\n\n", "", text, flags=re.S)
    text = text.replace("COPY --from=model /artifacts/", "COPY models/")
    text = text.replace("COPY --from=model /artifacts ", "COPY models ").replace(
        "COPY --from=model models", "COPY models"
    )
    if "${PYTHON}" not in text:
        text = re.sub(r"ARG PYTHON=.*\n", "", text)
    text = text.replace(f"COPY {name}/requirements.txt {name}/", "COPY requirements.txt .")
    text = text.replace(f"-r {name}/requirements.txt", "-r requirements.txt")
    text = text.replace(f"docker build -f {name}/{order.recipe.dockerfile} ", "docker build ")
    if "api" in order.removed and order.pattern == "batch":  # what is left has no port
        text = re.sub(r"EXPOSE.*", f'HEALTHCHECK NONE\nCMD ["python", "-m", "{name}.job"]\n', text, flags=re.S)
    text = re.sub(r' \\\n +org\.opencontainers\.image\.description="[^"\n]*".*', "", text)
    return text


def own_compose(order: Order) -> str:
    """Return a compose file with the services of the pattern, the volumes and the secrets that they use."""
    text = without_marked_lines((ROOT / "docker-compose.yml").read_text(), order.removed)
    whole: dict[str, Any] = yaml.safe_load(text)
    services = {n: each for n, each in whole["services"].items() if order.recipe.profile in each["profiles"]}
    gone = {n: services.pop(n) for n, part in order.recipe.services.items() if part in order.removed}
    if not order.copies_serving and "serving" in services:
        gone["serving"] = services.pop("serving")
    for called, service in services.items():
        del service["profiles"]
        for name in gone.keys() & service.get("depends_on", {}).keys():  # wait for what that service waited for
            del service["depends_on"][name]
            service["depends_on"] |= gone[name].get("depends_on", {})
        if called == "asynchronous-worker" and "supervision" in order.removed:
            service["healthcheck"] = {"disable": True}  # the image's own check is for the proxy
        if "build" in service:
            service["build"] = BUILDS.get(called, ".")
    return _dump({"name": order.dashed, "services": services} | _used(whole, services))


def _without_comments(text: str, settings: set[str]) -> str:
    """Return a manifest without the comments that name one of the settings, which only removed parts have."""
    return re.sub(rf" *#[^\n]*\b({'|'.join(settings)})\b[^\n]*", "", text) if settings else text


def _used(whole: dict[str, Any], services: dict[str, Any]) -> dict[str, Any]:
    """Return the volumes and the secrets that the services name."""
    text = repr(services)
    kinds = {kind: {n: each for n, each in whole[kind].items() if n in text} for kind in ("volumes", "secrets")}
    return {kind: found for kind, found in kinds.items() if found}


class _Dumper(yaml.SafeDumper):
    """Writes a value that occurs twice as two values."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120)
