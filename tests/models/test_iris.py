import json

import numpy as np
import onnx
import onnxruntime
import pytest

from models import iris
from models.manifest import BuildFailed


def test_onnx_and_scikit_learn_agree_on_ten_thousand_rows(artifacts):
    rows = np.random.default_rng(0).uniform(-2, 12, (10_000, 4)).astype(np.float32)
    train_rows, _, train_classes, _ = iris.held_out()
    session = onnxruntime.InferenceSession(artifacts / "iris" / "1" / "model.onnx")
    (probabilities,) = session.run(["probabilities"], {"float_input": rows})
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, iris.train(train_rows, train_classes).predict_proba(rows), atol=1e-5)


def test_the_onnx_file_gives_the_golden_answers_of_scikit_learn(artifacts):
    golden = json.loads((artifacts / "iris" / "1" / "golden.json").read_text())
    rows = np.array(golden["inputs"]["float_input"], np.float32)
    session = onnxruntime.InferenceSession(artifacts / "iris" / "1" / "model.onnx")
    (probabilities,) = session.run(["probabilities"], {"float_input": rows})
    np.testing.assert_allclose(probabilities, golden["outputs"]["probabilities"], atol=golden["tolerance"])


def test_every_build_writes_the_same_bytes(artifacts, tmp_path):
    iris.build(tmp_path)
    for name in ("model.onnx", "golden.json", "manifest.json"):
        assert (tmp_path / "iris" / "1" / name).read_bytes() == (artifacts / "iris" / "1" / name).read_bytes()


def test_operator_domains_are_sorted_by_name(tmp_path, monkeypatch):
    """The converter's own order varies between builds, and the bytes would vary with it."""
    graph = iris.to_onnx

    def shuffled(*arguments, **options):
        model = graph(*arguments, **options)
        reverse = sorted(model.opset_import, key=lambda opset: opset.domain, reverse=True)
        del model.opset_import[:]
        model.opset_import.extend(reverse)
        return model

    monkeypatch.setattr(iris, "to_onnx", shuffled)
    iris.build(tmp_path)
    assert [o.domain for o in onnx.load(tmp_path / "iris" / "1" / "model.onnx").opset_import] == ["", "ai.onnx.ml"]


def test_the_manifest_contains_what_a_service_needs(artifacts):
    manifest = json.loads((artifacts / "iris" / "1" / "manifest.json").read_text())
    assert manifest["inputs"] == [{"name": "float_input", "dtype": "float32", "shape": [None, 4]}]
    assert manifest["outputs"][1] == {"name": "probabilities", "dtype": "float32", "shape": [None, 3]}
    assert manifest["labels"] == ["setosa", "versicolor", "virginica"]
    assert manifest["accuracy"]["held_out"] >= 0.95


def test_a_build_below_the_required_accuracy_leaves_no_files(monkeypatch, tmp_path):
    monkeypatch.setattr(iris, "LEAST_ACCURACY", {"held_out": 1.01})
    with pytest.raises(BuildFailed):
        iris.build(tmp_path)
    assert list(tmp_path.iterdir()) == []
