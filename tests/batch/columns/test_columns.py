"""Stored rows with names and types, through the whole job."""

import json
import math
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sqlalchemy import Engine

from batch.api.app import build_app
from batch.artifact import open_artifact
from batch.columns.text_parts import MOST_CHARACTERS
from batch.predictor import Predictor, load
from tests.batch.api.test_api import Client
from tests.batch.conftest import add, finish, items, new_runner
from tests.web_single.conftest import save
from tests.web_single.graphs import CUSTOMERS, FLOWERS, IRIS, STAYS, churn, columns, exported

LISTS = [list(row.values()) for row in CUSTOMERS]
INPUTS = [
    {"name": name, "dtype": dtype, "shape": [None, 1]}
    for name, dtype in [("age", "float32"), ("city", "string"), ("visits", "int64")]
]


def opened(folder: Path) -> Predictor:
    return load(open_artifact(folder, keep=None))


@pytest.fixture(scope="module")
def churn_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("churn") / "churn"
    return save(place, churn("error")[1], ["leaves", "stays"], sample=CUSTOMERS[0], inputs=INPUTS)


def test_lists_and_objects_get_the_answers_of_the_trainer(engine: Engine, churn_dir: Path):
    add(engine, *LISTS, *CUSTOMERS)
    finish(new_runner(engine, opened(churn_dir)))
    stored = items(engine)
    assert [item.label for item in stored] == [*STAYS, *STAYS]
    expected = churn()[0].predict_proba(columns(CUSTOMERS))
    assert [item.prediction for item in stored[:4]] == [item.prediction for item in stored[4:]]
    assert [item.prediction for item in stored[:4]] == pytest.approx(expected, abs=1e-6)


def test_a_category_that_the_model_does_not_know_fails_its_row_alone(engine: Engine, churn_dir: Path):
    add(engine, LISTS[0], CUSTOMERS[0] | {"city": "Paris"}, CUSTOMERS[1] | {"visits": "3"}, LISTS[1])
    finish(new_runner(engine, opened(churn_dir)))
    first, unknown, text, last = items(engine)
    assert (first.label, last.label) == ("stays", "leaves")
    assert "Unknown Category and zeros = 0." in unknown.reason
    assert text.reason == "visits: Input should be a valid integer"


def test_the_api_stores_rows_as_the_model_takes_them(engine: Engine, churn_dir: Path):
    client = Client(build_app(open_artifact(churn_dir).manifest, engine))
    assert client.post(json={"data": [LISTS[0], CUSTOMERS[1]]}).status_code == 201
    assert [item.values for item in items(engine)] == [LISTS[0], CUSTOMERS[1]]
    refused = client.post(json={"data": [LISTS[0], CUSTOMERS[1] | {"visits": 1.5}]})
    assert (refused.status_code, refused.json()) == (422, {"detail": "data[1].visits: Input should be a valid integer"})


def test_missing_values_are_predicted_where_the_manifest_says_so(engine: Engine, tmp_path: Path):
    rows = FLOWERS[::3].copy()
    rows[::2, 2] = math.nan
    trained = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000))
    described = {"name": "X", "dtype": "float32", "shape": [None, 4], "missing": True}
    folder = save(tmp_path / "m", exported(trained, rows, IRIS.target[::3]), list("abc"), inputs=[described])
    client = Client(build_app(open_artifact(folder).manifest, engine))
    body = json.dumps({"data": rows[:4].tolist()}).encode()  # with NaN, as Python writes it
    assert client.post(content=body).status_code == 201
    finish(new_runner(engine, opened(folder)))
    stored = items(engine)
    assert [item.values[2] for item in stored][::2] == [None, None]
    assert [item.prediction for item in stored] == pytest.approx(trained.predict_proba(rows[:4]), abs=1e-5)


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_regressor_stores_values_and_no_label(engine: Engine, tmp_path: Path, outputs: int):
    targets: Any = FLOWERS[:, 0] * 2 if outputs == 1 else FLOWERS[:, :2] * 2
    content = exported(LinearRegression(), FLOWERS, targets)
    add(engine, FLOWERS[0].tolist())
    finish(new_runner(engine, opened(save(tmp_path / "m", content, [], task="regression"))))
    (item,) = items(engine)
    assert item.label is None
    assert item.prediction == pytest.approx(targets[0], abs=1e-4)


def test_a_long_text_does_not_pad_the_texts_of_its_chunk(churn_dir: Path, monkeypatch: pytest.MonkeyPatch):
    run, padded = onnxruntime.InferenceSession.run, []

    def record(session, names, rows):
        padded.append(len(rows["city"]) * len(max(rows["city"].ravel(), key=len)))
        return run(session, names, rows)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", record)
    long = CUSTOMERS[0] | {"city": "x" * 900_000}
    rows = [*CUSTOMERS * 100, long]
    predictions = opened(churn_dir).predict((number, json.dumps(row)) for number, row in enumerate(rows))
    assert [row.id for row in predictions.done] == list(range(400))
    assert [*predictions.failed] == [400]
    assert max(padded) <= MOST_CHARACTERS
