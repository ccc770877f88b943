"""web_single and batch give the same answers for the same rows, byte for byte, whatever the model."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from batch.artifact import open_artifact
from batch.predictor import load
from tests.models.test_gallery import SERVED, as_json, name
from tests.web_single.conftest import serve
from tests.web_single.graphs import FLOWERS


def answer(parts: Iterable[str]) -> bytes:
    """The body of an answer whose parts are JSON."""
    return f'{{"prediction":[{",".join(parts)}]}}'.encode()


def check(folder: Path, rows: list[Any]) -> None:
    """Compare what a job stores for rows with what the service answers for them."""
    stored = load(open_artifact(folder, keep=None)).predict(enumerate(map(json.dumps, rows))).done
    client, body = serve(folder), {"data": rows}
    assert client.post("/predict", json=body).content == answer(row.prediction for row in stored)
    if stored[0].label:
        labels = client.post("/predict/label", json=body).json()["prediction"]
        assert labels == [row.label for row in stored]


@pytest.mark.parametrize("example", SERVED, ids=name)
def test_a_model_of_the_gallery_answers_the_same_in_both(example: Callable[[], Any], tmp_path: Path) -> None:
    trained = example()
    check(trained.package(tmp_path).parent, as_json(trained.rows))


def test_iris_answers_the_same_in_both(artifacts: Path) -> None:
    check(artifacts / "iris", FLOWERS.tolist())
