"""A version predicts rows only if it answers as its training framework did."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression, Perceptron
from sqlalchemy import Engine

from batch.artifact import ArtifactRefused, open_artifact
from batch.predictor import load
from tests.batch.commands import run
from tests.batch.conftest import add, items
from tests.web_single.conftest import save
from tests.web_single.graphs import FLOWERS, exported


def changed(artifacts: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Copy the Iris model, with changed golden answers and a manifest that is true."""
    version = shutil.copytree(artifacts / "iris" / "1", folder / "1")
    golden = json.loads((version / "golden.json").read_text())
    change(golden)
    content = json.dumps(golden).encode()
    (version / "golden.json").write_bytes(content)
    manifest = json.loads((version / "manifest.json").read_text())
    manifest["files"]["golden.json"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (version / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_model_that_gives_another_answer_predicts_nothing(artifacts: Path, sqlite: Engine, tmp_path: Path):
    folder = changed(artifacts, tmp_path / "iris", lambda golden: golden["outputs"]["probabilities"].reverse())
    add(sqlite, FLOWERS[0].tolist())
    done = run("job", sqlite, MODEL_DIR=str(folder))
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)
    assert done.stderr.startswith("golden row 0, probabilities[0]: expected ")
    assert [item.label for item in items(sqlite)] == [None]


def test_a_model_without_golden_answers_predicts_with_a_warning(sqlite: Engine, tmp_path: Path):
    folder = save(tmp_path / "iris", exported(LogisticRegression(max_iter=1000)), list("abc"))
    add(sqlite, FLOWERS[0].tolist())
    done = run("job", sqlite, MODEL_DIR=str(folder))
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "WARNING" in done.stderr
    assert "small, version 3, has no golden answers: its file was verified" in done.stderr


def test_raw_scores_are_refused(tmp_path: Path):
    folder = save(tmp_path / "scores", exported(Perceptron()), list("abc"))
    with pytest.raises(ArtifactRefused, match="'probabilities' holds no probabilities that sum to 1"):
        load(open_artifact(folder, keep=None))
