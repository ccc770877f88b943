"""A SavedModel is served only if it answers as its training framework did."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from local.processes import Program, wait_until
from local.servers import answers

from ...preloaded import Preloaded
from ..plugin import server_argv

Answers = dict[str, dict[str, list[object]]]


def put(artifacts: Path, folder: Path, change: Callable[[Answers], object] | None = None, version: int = 1) -> Path:
    """Copy the digits model into `folder`, with changed golden answers and a manifest that is true."""
    folder.mkdir(exist_ok=True)
    new = shutil.copytree(artifacts / "digits" / "1", folder / "new")
    if change:
        golden = json.loads((new / "golden.json").read_text())
        change(golden)
        content = json.dumps(golden).encode()
        (new / "golden.json").write_bytes(content)
        manifest = json.loads((new / "manifest.json").read_text())
        manifest["files"]["golden.json"] = hashlib.sha256(content).hexdigest()
        (new / "manifest.json").write_text(json.dumps(manifest))
    return new.rename(folder / str(version))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The folder of the versions."""
    return tmp_path / "digits"


def swap_labels(golden: Answers) -> None:
    golden["outputs"]["label"][:2] = golden["outputs"]["label"][1::-1]


DIFFERENCES = {
    "label": (swap_labels, "golden row 0, label: expected '1', the model gives '0'; package the model again"),
    "probability": (
        lambda golden: golden["outputs"]["probability"].__setitem__(3, 0.5),
        "golden row 3, probability: expe",
    ),
    "output": (
        lambda golden: golden["outputs"].update(chance=[0.1] * 10),
        "output tensor alias not found in signature: ch",
    ),
    "image": (lambda golden: golden["inputs"]["image"].__setitem__(0, {"b64": "AAAA"}), "fails on its golden rows"),
}


@pytest.mark.parametrize(
    "name", [name if name == "label" else pytest.param(name, marks=pytest.mark.exhaustive) for name in DIFFERENCES]
)
def test_a_model_that_gives_another_answer_is_refused_in_one_line(
    tensorflow: Preloaded, artifacts: Path, models: Path, free_port: Callable[[], int], name: str
) -> None:
    change, reason = DIFFERENCES[name]
    put(artifacts, models, change)
    ended = tensorflow.run(server_argv(models, free_port(), free_port()))
    assert ended.returncode == 1
    assert reason in ended.stderr.splitlines()[-1]


def test_a_new_version_that_gives_another_answer_does_not_replace_the_old_one(
    start_preloaded: Callable[..., Program], artifacts: Path, models: Path, free_port: Callable[[], int]
) -> None:
    put(artifacts, models)
    rest = free_port()
    status = f"http://127.0.0.1:{rest}/v1/models/digits"
    program = start_preloaded("serving", server_argv(models, free_port(), rest), lambda: answers(status))
    assert "golden" not in program.log.read_text()
    put(artifacts, models, swap_labels, version=2)
    with httpx.Client(timeout=60) as client:
        wait_until(lambda: "golden row 0, label" in client.get(status).text, 120)
        states = [each["state"] for each in client.get(status).json()["model_version_status"]]
    assert states == ["END", "AVAILABLE"]


def test_a_model_without_golden_answers_is_served_with_a_warning(
    start_preloaded: Callable[..., Program], artifacts: Path, models: Path, free_port: Callable[[], int]
) -> None:
    folder, rest = put(artifacts, models), free_port()
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["golden.json"]
    (folder / "golden.json").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    ready = f"http://127.0.0.1:{rest}/v1/models/digits"
    program = start_preloaded("serving", server_argv(models, free_port(), rest), lambda: answers(ready))
    lines = [line for line in program.log.read_text().splitlines() if " WARNING " in line]
    assert len(lines) == 1
    assert "has no golden answers: its files were verified, its answers were not" in lines[0]
