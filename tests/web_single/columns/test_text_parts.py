"""Texts are run in parts, so that one long text does not decide how much memory all rows of a request take."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from web_single.columns import run_texts_in_parts
from web_single.columns.text_parts import MOST_CHARACTERS, MOST_ROWS

from ..conftest import save, serve
from ..graphs import CUSTOMERS, churn, columns


class Lengths:
    """A model that answers the length of each text, and keeps the texts of each run."""

    def __init__(self) -> None:
        self.inputs, self.runs = [{"name": "text", "dtype": "string"}], list[list[str]]()
        run_texts_in_parts(self)  # type: ignore[arg-type]

    def run(self, names: list[str], rows: dict[str, Any]) -> list[Any]:
        self.runs.append(rows["text"].ravel().tolist())
        return [np.array([len(text) for text in self.runs[-1]]), np.array(7)][: len(names)]


def answers(model: Any, lengths: list[int], names: list[str]) -> list[Any]:
    texts = np.array(["a" * length for length in lengths], object).reshape(-1, 1)
    return [result.tolist() for result in model.run(names, {"text": texts})]


@given(st.lists(st.sampled_from([0, 1, 9, 5_000, 30_000, 3_000_000]), min_size=1, max_size=40), st.integers(1, 20))
def test_the_answers_stay_in_the_order_of_the_rows_and_each_run_is_small(lengths: list[int], times: int) -> None:
    model = Lengths()
    assert answers(model, lengths * times, ["length"]) == [lengths * times]
    assert all(len(texts) <= MOST_ROWS for texts in model.runs)
    padded = [len(texts) * len(max(texts, key=len)) for texts in model.runs if len(texts) > 1]
    assert max(padded, default=0) <= MOST_CHARACTERS


def test_an_output_without_a_value_for_each_row_is_that_of_all_rows() -> None:
    model = Lengths()
    assert answers(model, [2, 1] * 300, ["length", "constant"]) == [[2, 1] * 300, 7]
    assert len(model.runs[-1]) == 600


def test_a_request_with_one_long_text_is_answered_in_small_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, graph = churn("ignore")
    folder = save(tmp_path / "churn", graph, ["leaves", "stays"], sample=CUSTOMERS[0])
    run, padded = onnxruntime.InferenceSession.run, []

    def record(session: Any, names: list[str], rows: dict[str, Any]) -> Any:
        padded.append(len(rows["city"]) * len(max(rows["city"].ravel(), key=len)))
        return run(session, names, rows)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", record)
    client = serve(folder)
    rows = [*CUSTOMERS * 100, CUSTOMERS[0] | {"city": "x" * 900_000}, *CUSTOMERS]
    prediction = client.post("/predict", json={"data": rows}).json()["prediction"]
    assert prediction == pytest.approx(trained.predict_proba(columns(rows)), abs=1e-6)
    assert max(padded) <= MOST_CHARACTERS


def test_a_refused_row_is_named_by_its_place_in_the_request(tmp_path: Path) -> None:
    client = serve(save(tmp_path / "churn", churn("error")[1], ["leaves", "stays"], sample=CUSTOMERS[0]))
    rows = [*CUSTOMERS * 100, CUSTOMERS[1] | {"city": "Paris"}, *CUSTOMERS]
    answer = client.post("/predict", json={"data": rows})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("data[400]: the model refuses these values")
