"""A new version under load: taken over without a failed request, or refused."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from local.processes import wait_until

from ..load import Load
from ..running import Service

REFUSED = "Refused a new version and still serving the old one: "


@pytest.fixture
def models(artifacts: Path, tmp_path: Path) -> Path:
    """A model folder of our own, with version 1."""
    shutil.copytree(artifacts / "iris" / "1", tmp_path / "iris" / "1")
    return tmp_path / "iris"


def put(models: Path, version: int, damage: Callable[[Path], object] = lambda folder: None) -> None:
    """Put a copy of version 1 beside it, in one step."""
    new = shutil.copytree(models / "1", models / "new")
    damage(new)
    new.rename(models / str(version))


def altered(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"altered")


def relabelled(labels: object) -> Callable[[Path], object]:
    return lambda folder: rewrite(folder / "manifest.json", labels=labels)


def no_graph(folder: Path) -> None:
    altered(folder)
    rewrite(folder / "manifest.json", files={"model.onnx": {"sha256": hashlib.sha256(b"altered").hexdigest()}})


def other_answers(folder: Path) -> None:
    """Give a version golden answers that its model does not give."""
    outputs = {"probabilities": [[0.1, 0.1, 0.8]]}
    answers = {"inputs": {"float_input": [[5.1, 3.5, 1.4, 0.2]]}, "outputs": outputs, "tolerance": 1e-3}
    content = json.dumps(answers).encode()
    (folder / "golden.json").write_bytes(content)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    files["golden.json"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    rewrite(folder / "manifest.json", files=files)


def rewrite(manifest: Path, **change: object) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))


def replaced(running: Service, workers: set[int]) -> Callable[[], bool]:
    """Return a condition: the same number of other workers have replaced `workers`."""
    return lambda: len(running.workers()) == len(workers) and not running.workers() & workers


def version(running: Service) -> str:
    return running.http.post("/predict/label", content=b'{"data": [[1, 2, 3, 4]]}').headers["model-version"]


def test_a_new_version_takes_over_without_a_failed_request(service: Callable[..., Service], models: Path) -> None:
    running = service("--workers", "2", MODEL_DIR=str(models))
    with Load(running.port) as load:
        wait_until(lambda: min(map(len, load.versions)) > 20)
        put(models, 2)
        os.kill(running.program.pid, signal.SIGHUP)
        wait_until(lambda: running.answers() and all(seen[-1] == 2 for seen in load.versions), 120)
    assert (load.failures, load.turned_away, set(load.statuses)) == ([], 0, {200})
    assert all(seen == sorted(seen) and set(seen) == {1, 2} for seen in load.versions[: load.lasting])


def test_every_fault_of_a_new_version_is_one_line_and_the_old_version_stays(
    service: Callable[..., Service], models: Path
) -> None:
    running = service("--workers", "1", MODEL_DIR=str(models))
    damages = [altered, no_graph, relabelled(["a", "b"]), relabelled(7), other_answers]
    with Load(running.port) as load:
        for number, damage in enumerate(damages, 2):
            put(models, number, damage)
            before = running.workers()
            os.kill(running.program.pid, signal.SIGHUP)
            wait_until(replaced(running, before), 120)
    reasons = [line.split(REFUSED)[1] for line in running.program.log.read_text().splitlines() if REFUSED in line]
    expected = [
        "is not what was built",
        "cannot be loaded",
        "answers two rows with shape (2, 3)",
        "labels: Input",
        "golden row 0, probabilities[0]: expected 0.1, the model gives 0.9",
    ]
    assert [part in reason for part, reason in zip(expected, reasons, strict=True)] == [True] * 5
    assert (load.failures, set(load.statuses), {v for seen in load.versions for v in seen}) == ([], {200}, {1})


def test_a_worker_that_dies_after_a_refusal_is_replaced_and_a_good_version_can_follow(
    service: Callable[..., Service], models: Path
) -> None:
    running = service("--workers", "1", MODEL_DIR=str(models))
    put(models, 2, altered)
    os.kill(running.program.pid, signal.SIGHUP)
    wait_until(lambda: REFUSED in running.program.log.read_text() and running.answers(), 120)
    kill_one(running)
    assert version(running) == "1"
    put(models, 3)
    os.kill(running.program.pid, signal.SIGHUP)
    wait_until(lambda: version(running) == "3", 120)
    assert running.program.poll() is None


def test_files_altered_after_they_were_verified_change_nothing(service: Callable[..., Service], models: Path) -> None:
    running = service("--workers", "1", MODEL_DIR=str(models))
    answer = running.http.get("/predict/test").json()
    altered(models / "1")
    kill_one(running)
    assert running.http.get("/predict/test").json() == answer
    shutil.rmtree(models)
    kill_one(running)
    assert running.http.get("/predict/test").json() == answer


def test_without_the_newest_version_the_one_before_is_served_again(
    service: Callable[..., Service], models: Path
) -> None:
    put(models, 2)
    running = service("--workers", "1", MODEL_DIR=str(models))
    assert version(running) == "2"
    (models / "2").rename(models / "withdrawn")
    os.kill(running.program.pid, signal.SIGHUP)
    wait_until(lambda: version(running) == "1", 120)


def kill_one(running: Service) -> None:
    """End a worker as a crash would, and wait until another has replaced it."""
    before = running.workers()
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: replaced(running, {min(before)})() and running.answers(), 120)
