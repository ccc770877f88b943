"""The serving program of a copy: TensorFlow Serving, its stand-in, and their address."""

import re
import shutil
from pathlib import Path

from ..processes import ROOT
from .deployment import Rename, own_dockerfile
from .order import Order

CONFIG = ("batching.config", "monitoring.config")
DOCKERFILES = {"synchronous/Dockerfile": "Dockerfile.serving", "serving/Dockerfile": "Dockerfile.standin"}
LEFT_OUT = shutil.ignore_patterns("__pycache__", "tests", "README.md", "Dockerfile")


def put_serving(order: Order, project: Path, rename: Rename) -> None:
    """Copy the stand-in, the Dockerfiles of both programs and their settings, unless the copy asks another program."""
    for name in (*CONFIG, "Dockerfile"):
        if order.pattern == "synchronous":  # what the root of the client's folder has for the server
            (project / order.name / name).unlink()
    if not order.copies_serving:
        return
    shutil.copytree(ROOT / "serving", project / "serving", ignore=LEFT_OUT)
    for path in sorted((project / "serving").rglob("*.py")):
        path.write_text(rename(path.read_text()))
    (project / "config").mkdir()
    for name in CONFIG:
        shutil.copy(ROOT / "synchronous" / name, project / "config")
    for source, target in DOCKERFILES.items():
        text = (ROOT / source).read_text().replace(f"-f {source}", f"-f {target}").replace("synchronous/", "config/")
        (project / target).write_text(own_dockerfile(rename(text), order))


def address_words(order: Order) -> dict[str, str]:
    """Return texts of a pattern, and what a copy has there if it asks a serving program that is not its own."""
    if order.copies_serving or not order.recipe.asks_serving:
        return {}
    place, _, port = order.serving.rpartition(":")
    selector = "to: [{podSelector: {matchLabels: {app.kubernetes.io/name: serving}}}]\n      "
    rest = re.sub("^dns://.*/", "", place)  # REST is on the port of TensorFlow Serving, as SERVING names none
    return {
        '"127.0.0.1:8500"': f'"{order.serving}"',
        '"SERVING_GRPC", "127.0.0.1"': f'"SERVING_GRPC", "{order.serving}"',
        '"SERVING_REST", "127.0.0.1"': f'"SERVING_REST", "{rest}:8501"',
        "SERVING_GRPC: serving:8500": f"SERVING_GRPC: {order.serving}",
        "dns:///serving-pods:8500": order.serving,
        selector + "ports: [{port: 8500, protocol: TCP}]": f"ports: [{{port: {port}, protocol: TCP}}]",
        "; the workers need serving.yaml": "",
    }
