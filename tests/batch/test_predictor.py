import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.artifact import Artifact, open_artifact
from batch.predictor import ArtefactUnusable, Predictor, list_reader, load, row_reader
from batch.rows import RowFormat

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
        return [np.hstack([rows, 1 - rows])]


class Overflowing:
    def run(self, outputs, feed):
        return [np.array([[np.inf, 0]])]


ONE = RowFormat([{"name": "input", "dtype": "float32", "shape": [None, 1]}], [])
described = SimpleNamespace(row_format=ONE, output="chances", labels=["high", "low"], task="classification")
fake = Predictor(described, Fake(), list_reader(ONE), 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(number, min_size=4, max_size=4) | anything, max_size=20))
def test_every_row_is_predicted_or_has_a_reason(model: Predictor, rows):
    predictions = model.predict((i, json.dumps(row)) for i, row in enumerate(rows))
    assert sorted([row.id for row in predictions.done] + list(predictions.failed)) == list(range(len(rows)))
    assert all(predictions.failed.values())


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.lists(number, min_size=4, max_size=4), min_size=1, max_size=20))
def test_predictions_are_those_of_a_direct_run_to_the_last_bit(model: Predictor, expected, rows):
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
        ('{"float_input": [1, 2, 3]}', "float_input: List should have at least 4 items"),
        ('{"rows": [1, 2, 3, 4]}', "float_input: Field required"),
        ("[1, 2, 3, 1e39]", "[3]: Input should be less than or equal to 3402823"),
        ("[1, 2, 3, 1e400]", "[3]: Input should be a finite number"),
        ("[NaN, 2, 3, 4]", "[0]: Input should be a finite number"),
        ("not json", "Invalid JSON"),
        ("[" * 5000, "Invalid JSON: recursion limit exceeded"),
        (7, "JSON input should be string, bytes or bytearray"),
    ],
)
def test_a_bad_row_fails_alone_with_its_reason(model: Predictor, stored, reason):
    predictions = model.predict([(1, json.dumps(GOOD)), (2, stored), (3, json.dumps(GOOD))])
    assert [row.id for row in predictions.done] == [1, 3]
    assert predictions.failed[2].startswith(reason)


def test_only_the_row_that_a_model_raises_for_fails():
    predictions = fake.predict([(1, "[0.5]"), (2, "[13]"), (3, "[0.25]")])
    assert [(row.id, row.prediction) for row in predictions.done] == [(1, "[0.5,0.5]"), (3, "[0.25,0.75]")]
    assert predictions.failed == {2: "the model raised RuntimeError: unlucky"}


def test_probabilities_that_are_not_finite_fail_the_row():
    overflowing = replace(fake, session=Overflowing())
    assert overflowing.predict([(1, "[0.5]")]).failed == {1: "the model's answer is not finite"}


def test_another_kind_of_model_is_refused(artifacts: Path):
    with pytest.raises(ArtefactUnusable, match=r"manifest.json has no sha256 for model.onnx; list it under `files`"):
        load(open_artifact(artifacts / "digits"))


def test_a_manifest_without_a_name_is_refused(artifacts: Path):
    with pytest.raises(ArtefactUnusable, match=r"manifest.json: name: Field required"):
        load(Artifact(artifacts / "iris" / "1", 1, {}))


def test_a_file_that_is_not_an_onnx_graph_is_refused(tmp_path: Path):
    with pytest.raises(ArtefactUnusable, match="cannot be loaded"):
        load(Artifact(tmp_path, 1, {"name": "any"}, {"model.onnx": b"something else"}))


@pytest.mark.parametrize("manifest", [{}, {"inputs": [{"name": "x"}]}, {"inputs": 7}])
def test_a_manifest_that_does_not_describe_the_inputs_is_refused_where_the_model_is_not_loaded(manifest):
    with pytest.raises(ArtefactUnusable, match=r"manifest.json: inputs: "):
        row_reader(manifest)
