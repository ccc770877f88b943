import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.api.body import manifest_reader
from batch.artifact import Artifact, ArtifactRefused, open_artifact
from batch.predictor import Predictor, load
from tests.batch.conftest import running

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
        rows = feed["float_input"][:, :1]
        if (rows == 13).any():
            raise RuntimeError("unlucky")
        return [np.hstack([rows, 1 - rows])]


class Overflowing:
    """A model whose answer is not finite for 13."""

    def run(self, outputs, feed):
        rows = feed["float_input"][:, :1]
        return [np.where(rows == 13, np.inf, [[0.25, 0.75]])]


def four(value: float) -> str:
    return json.dumps([value] * 4)


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
        ("[1, 2, 3]", "List should have at least 4 items after validation, not 3"),
        ("[1, 2, 3, 4, 5]", "List should have at most 4 items after validation, not 5"),
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


def test_only_the_rows_that_a_model_raises_for_fail(model: Predictor):
    rows = [(number, four(13 if number in (3, 4, 90) else 0.25)) for number in range(100)]
    predictions = running(model, Fake()).predict(rows)
    assert [row.id for row in predictions.done] == [number for number in range(100) if number not in (3, 4, 90)]
    assert predictions.failed == dict.fromkeys((3, 4, 90), "the model raised RuntimeError: unlucky")


def test_probabilities_that_are_not_finite_fail_their_row_alone(model: Predictor):
    predictions = running(model, Overflowing()).predict([(1, four(0.5)), (2, four(13)), (3, four(0.25))])
    assert [(row.id, row.prediction, row.label) for row in predictions.done] == [
        (1, "[0.25,0.75]", "versicolor"),
        (3, "[0.25,0.75]", "versicolor"),
    ]
    assert predictions.failed == {2: "the model has no finite probability for these values"}


def test_another_kind_of_model_is_refused(artifacts: Path):
    with pytest.raises(ArtifactRefused, match=r"manifest.json has no sha256 for model.onnx; list it under `files`"):
        load(open_artifact(artifacts / "digits"))


def test_a_manifest_without_a_name_is_refused(artifacts: Path):
    with pytest.raises(ArtifactRefused, match=r"manifest.json: name: Field required"):
        load(Artifact(artifacts / "iris" / "1", 1, {}))


def test_a_file_that_is_not_an_onnx_graph_is_refused(tmp_path: Path):
    with pytest.raises(ArtifactRefused, match="cannot be loaded"):
        load(Artifact(tmp_path, 1, {"name": "any"}, {"model.onnx": b"something else"}))


@pytest.mark.parametrize("manifest", [{}, {"inputs": [{"name": "x"}]}, {"inputs": 7}])
def test_a_manifest_that_does_not_describe_the_inputs_is_refused_where_the_model_is_not_loaded(manifest):
    with pytest.raises(ArtifactRefused, match=r"manifest.json: inputs: "):
        manifest_reader(manifest)
