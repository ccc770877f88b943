import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.artifact import Artifact, open_artifact
from batch.model import Model, ModelRefused, load

GOOD = [5.1, 3.5, 1.4, 0.2]
number = st.floats(-100, 100, width=32)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


class Fake:
    """A model of one input that knows two classes and raises for 13."""

    def run(self, outputs, feed):
        rows = feed["input"]
        if (rows == 13).any():
            raise RuntimeError("unlucky")
        return [np.zeros(len(rows), np.int64), np.hstack([rows, 1 - rows])]


class Overflowing:
    def run(self, outputs, feed):
        return [np.zeros(1, np.int64), np.array([[np.inf, 0]])]


fake = Model(Fake(), "input", 1, ["low", "high"], 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(number, min_size=4, max_size=4) | anything, max_size=20))
def test_every_row_is_predicted_or_has_a_reason(model: Model, rows):
    predictions = model.predict((i, json.dumps(row)) for i, row in enumerate(rows))
    assert sorted([row.id for row in predictions.done] + list(predictions.failed)) == list(range(len(rows)))
    assert all(predictions.failed.values())


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.lists(number, min_size=4, max_size=4), min_size=1, max_size=20))
def test_predictions_are_those_of_a_direct_run_to_the_last_bit(model: Model, expected, rows):
    predictions = model.predict((i, json.dumps(row)) for i, row in enumerate(rows))
    assert [(row.label, json.loads(row.prediction)) for row in predictions.done] == expected(rows)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ("[1, 2, 3]", "3 values, the model takes 4"),
        ("[1, 2, 3, 4, 5]", "5 values, the model takes 4"),
        ('[1, 2, 3, "4"]', "[3]: Input should be a valid number"),
        ("[1, true, 3, 4]", "[1]: Input should be a valid number"),
        ("[1, 2, null, 4]", "[2]: Input should be a valid number"),
        ("null", "Input should be a valid array"),
        ("[1, 2, 3, 1e39]", "[3]: Input should be less than or equal to 3402823"),
        ("[1, 2, 3, 1e400]", "[3]: Input should be a finite number"),
        ("[NaN, 2, 3, 4]", "[0]: Input should be a finite number"),
        ("not json", "Invalid JSON"),
        ("[" * 5000, "Invalid JSON: recursion limit exceeded"),
        (7, "JSON input should be string, bytes or bytearray"),
    ],
)
def test_a_bad_row_fails_alone_with_its_reason(model: Model, stored, reason):
    predictions = model.predict([(1, json.dumps(GOOD)), (2, stored), (3, json.dumps(GOOD))])
    assert [row.id for row in predictions.done] == [1, 3]
    assert predictions.failed[2].startswith(reason)


def test_only_the_row_that_a_model_raises_for_fails():
    predictions = fake.predict([(1, "[0.5]"), (2, "[13]"), (3, "[0.25]")])
    assert [(row.id, row.prediction) for row in predictions.done] == [(1, "[0.5,0.5]"), (3, "[0.25,0.75]")]
    assert predictions.failed == {2: "the model raised RuntimeError: unlucky"}


def test_probabilities_that_are_not_finite_fail_the_row():
    overflowing = replace(fake, session=Overflowing())
    assert overflowing.predict([(1, "[0.5]")]).failed == {1: "the model's probabilities are not finite"}


def test_another_kind_of_model_is_refused(artifacts: Path):
    with pytest.raises(ModelRefused, match="not an ONNX model: tensorflow"):
        load(open_artifact(artifacts / "digits"))


@pytest.mark.parametrize("manifest", [{"framework": "onnx"}, {"framework": "onnx", "inputs": [], "labels": []}])
def test_a_manifest_without_the_input_is_refused(artifacts: Path, manifest):
    with pytest.raises(ModelRefused, match="cannot be loaded"):
        load(Artifact(artifacts / "iris" / "1", 1, manifest))


def test_a_file_that_is_not_an_onnx_graph_is_refused(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"something else")
    with pytest.raises(ModelRefused, match="cannot be loaded"):
        load(Artifact(tmp_path, 1, {"framework": "onnx"}))
