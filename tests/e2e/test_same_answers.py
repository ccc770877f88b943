"""web_single and batch give the same answers for the same rows, byte for byte."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LinearRegression

from batch.artifact import open_artifact
from batch.predictor import load
from tests.web_single.conftest import save, serve
from tests.web_single.graphs import CUSTOMERS, FLOWERS, churn, exported

Made = tuple[Path, list[Any]]


def iris(artifacts: Path, folder: Path) -> Made:
    return artifacts / "iris", FLOWERS.tolist()


def customers(artifacts: Path, folder: Path) -> Made:
    rows = [row | {"age": age} for row in CUSTOMERS for age in range(20, 60)]
    return save(folder / "churn", churn()[1], ["leaves", "stays"], sample=CUSTOMERS[0]), rows


def regressor(artifacts: Path, folder: Path) -> Made:
    content = exported(LinearRegression(), FLOWERS, FLOWERS.sum(axis=1))
    return save(folder / "sums", content, [], task="regression"), FLOWERS.tolist()


@pytest.mark.parametrize("make", [iris, customers, regressor])
def test_the_same_rows_get_the_same_answers_to_the_last_byte(
    artifacts: Path, tmp_path: Path, make: Callable[[Path, Path], Made]
) -> None:
    folder, rows = make(artifacts, tmp_path)
    stored = load(open_artifact(folder, keep=None)).predict(enumerate(map(json.dumps, rows))).done
    client = serve(folder)
    assert client.post("/predict", json={"data": rows}).content == answer(row.prediction for row in stored)
    if stored[0].label:
        labels = client.post("/predict/label", json={"data": rows}).content
        assert labels == answer(json.dumps(row.label) for row in stored)


def answer(parts: Any) -> bytes:
    """The body of an answer whose parts are JSON."""
    return f'{{"prediction":[{",".join(parts)}]}}'.encode()
