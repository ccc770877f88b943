import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from web_single.app import build_app, load_model
from web_single.artifact import ArtifactRefused
from web_single.settings import Settings

from .conftest import Client, save

ModelDir = Callable[..., Path]


def serve(folder: Path) -> Client:
    settings = Settings(model_dir=folder)
    return Client(build_app(settings, load_model(settings)))


def test_a_graph_of_another_width_is_served_without_a_change(model_dir: ModelDir) -> None:
    client = serve(model_dir(width=7, labels=("a", "b", "c", "d", "e")))
    assert client.get("/metadata").json()["inputs"] == [{"name": "rows", "dtype": "float32", "shape": [None, 7]}]
    answer = client.post("/predict", json={"data": [[1] * 7, [2] * 7]}).json()["prediction"]
    assert np.shape(answer) == (2, 5)
    assert client.post("/predict", json={"data": [[1] * 4]}).status_code == 422
    assert client.get("/predict/test").status_code == 200


def test_a_float64_graph_gets_float64_rows(model_dir: ModelDir) -> None:
    client = serve(model_dir(dtype="DOUBLE"))
    assert client.post("/predict", json={"data": [[1e39] * 7]}).status_code == 200
    assert client.send(b'{"data": [[1e400, 1, 1, 1, 1, 1, 1]]}').status_code == 422


def test_labels_come_from_the_manifest(model_dir: ModelDir) -> None:
    client = serve(model_dir(labels=("ham", "spam", "eggs")))
    assert client.get("/label").json() == {"labels": ["ham", "spam", "eggs"]}
    assert client.post("/predict/label", json={"data": [[1] * 7]}).json() == {"prediction": ["ham"]}


def test_a_row_that_overflows_the_model_is_refused_and_named(model_dir: ModelDir) -> None:
    answer = serve(model_dir()).post("/predict", json={"data": [[1] * 7, [3.4e38] * 7, [1] * 7]})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "data[1]: the model has no finite probability for these values"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"shape": [1, 7]}, r"shape \[null, width\]"),
        ({"shape": [None, None]}, r"shape \[null, width\]"),
        ({"dtype": "FLOAT16"}, "one float tensor"),
        ({"nodes": [helper.make_node("ReduceSum", ["rows"], ["chances"], keepdims=0)], "output": []}, "zipmap off"),
        ({"nodes": [helper.make_node("Identity", ["rows"], ["chances"])], "output": [None, None]}, r"shape \(2, 7\)"),
        ({"nodes": [helper.make_node("Nonsense", ["rows"], ["chances"])]}, "cannot be loaded"),
    ],
)
def test_a_graph_that_is_not_a_classifier_of_rows_is_refused(
    model_dir: ModelDir, change: dict[str, object], reason: str
) -> None:
    with pytest.raises(ArtifactRefused, match=reason):
        load_model(Settings(model_dir=model_dir(**change)))


def test_a_graph_that_fails_on_more_than_one_row_is_refused(model_dir: ModelDir) -> None:
    one = helper.make_node("Constant", [], ["one"], value_ints=[1, 7])
    nodes = [one, helper.make_node("Reshape", ["rows", "one"], ["flat"])]
    nodes += [helper.make_node("MatMul", ["flat", "weights"], ["chances"])]
    with pytest.raises(ArtifactRefused, match="fails on two rows"):
        load_model(Settings(model_dir=model_dir(nodes=nodes)))


def test_bytes_that_are_not_a_graph_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactRefused, match="cannot be loaded"):
        load_model(Settings(model_dir=save(tmp_path / "model", b"no graph", ["a"])))


def test_a_model_without_a_checksum_is_refused(model_dir: ModelDir) -> None:
    folder = model_dir()
    manifest = folder / "3" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"files": {}}))
    with pytest.raises(ArtifactRefused, match="no sha256 for"):
        load_model(Settings(model_dir=folder))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": [0, 1]}, r"manifest.json: labels\[0\]: Input should be a valid string"),
        ({"labels": 2}, "labels: Input should be a valid list"),
        ({"name": None}, "name: Input should be a valid string"),
        ({"accuracy": 0.97}, "accuracy: Input should be a valid dictionary"),
    ],
)
def test_a_manifest_that_describes_the_model_in_another_way_is_refused(
    model_dir: ModelDir, change: dict[str, object], reason: str
) -> None:
    folder = model_dir()
    manifest = folder / "3" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(ArtifactRefused, match=reason):
        load_model(Settings(model_dir=folder))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "model.onnx").write_bytes(b"altered"), "is not what was built"),
        (lambda folder: (folder / "model.onnx").unlink(), "cannot be read"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "manifest.json cannot be read"),
        (lambda folder: folder.rename(folder.parent / "latest"), "holds no model version"),
    ],
)
def test_an_altered_artefact_is_refused(model_dir: ModelDir, damage: Callable[[Path], object], reason: str) -> None:
    folder = model_dir()
    damage(folder / "3")
    with pytest.raises(ArtifactRefused, match=reason):
        load_model(Settings(model_dir=folder))
