import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression

from web_single.app import load_model
from web_single.artifact import ArtifactRefused
from web_single.settings import Settings

from .conftest import save, serve
from .graphs import FLOWERS, IRIS, exported, graph

ModelDir = Callable[..., Path]
LABEL_PATHS = ["/predict/label", "/predict/test/label"]


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


def test_fewer_answers_than_rows_are_no_answer(tmp_path: Path) -> None:
    nodes = [helper.make_node("Greater", ["x", "zero"], ["kept"]), helper.make_node("Compress", ["x", "kept"], ["y"])]
    content = graph(nodes, {"x": ("float32", [None])}, {"y": ("float32", [None])}, zero=np.float32(0))
    client = serve(save(tmp_path / "model", content, [], task="regression"))
    assert client.post("/predict", json={"data": [[1], [2]]}).json() == {"prediction": [1.0, 2.0]}
    answer = client.post("/predict", json={"data": [[1], [0], [3]]})
    assert (answer.status_code, answer.json()["detail"]) == (503, "model.onnx answers 3 rows with shape (2,)")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"shape": [1, 7]}, r"'rows' has the shape \[1, 7\]; export it with a free first dimension"),
        ({"shape": [None, None]}, r"'rows' has the shape \[null, null\]; export it with a free first dimension"),
        ({"dtype": "FLOAT16"}, "must have one float output; .* cast other types to float32"),
        (
            {"nodes": [helper.make_node("ReduceSum", ["rows"], ["chances"], keepdims=0)], "output": []},
            r"answers two rows with shape \(\)",
        ),
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
        (lambda folder: (folder / "manifest.json").write_text("[" * 10**6), "manifest.json cannot be read: Recursion"),
        (lambda folder: rewrite(folder.parent, files={"a\0b": ""}), "cannot be read: embedded null byte"),
        (lambda folder: rewrite(folder.parent, files={"\ud800": ""}), "cannot be read: .* surrogates not allowed"),
        (lambda folder: folder.rename(folder.parent / "latest"), "holds no model version"),
    ],
)
def test_an_altered_artefact_is_refused(model_dir: ModelDir, damage: Callable[[Path], object], reason: str) -> None:
    folder = model_dir()
    damage(folder / "3")
    with pytest.raises(ArtifactRefused, match=reason):
        load_model(Settings(model_dir=folder))


def rewrite(folder: Path, **change: object) -> Path:
    """Change the manifest of version 3."""
    manifest = folder / "3" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    return folder


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])  # as editors and shells of Windows write text
def test_a_manifest_may_begin_with_a_byte_order_mark(model_dir: ModelDir, encoding: str) -> None:
    manifest = model_dir() / "3" / "manifest.json"
    manifest.write_text(manifest.read_text(), encoding)
    assert load_model(Settings(model_dir=manifest.parents[1])).version == 3


@pytest.mark.parametrize("written", [str, str.upper, lambda sha256: {"sha256": sha256.upper()}])
def test_a_checksum_may_be_a_plain_string_and_in_capitals(
    model_dir: ModelDir, written: Callable[[str], object]
) -> None:
    folder = model_dir()
    rewrite(folder, files={"model.onnx": written(sha256(folder / "3" / "model.onnx"))})
    assert load_model(Settings(model_dir=folder)).version == 3
    (folder / "3" / "model.onnx").write_bytes(b"altered")
    with pytest.raises(ArtifactRefused, match="is not what was built"):
        load_model(Settings(model_dir=folder))


@pytest.mark.parametrize("name", ["team/iris", "", "..", "-x", "a b", "é", "a\n"])
def test_a_name_that_no_url_can_hold_is_refused(model_dir: ModelDir, name: str) -> None:
    with pytest.raises(ArtifactRefused, match=r"manifest.json: name: String should match pattern"):
        load_model(Settings(model_dir=rewrite(model_dir(), name=name)))


def test_a_version_folder_may_begin_with_zeros(model_dir: ModelDir) -> None:
    folder = model_dir()
    (folder / "3").rename(folder / "0003")
    assert load_model(Settings(model_dir=folder)).version == 3
    assert load_model(Settings(model_dir=folder, model_version=3)).version == 3
    shutil.copytree(folder / "0003", folder / "3")
    with pytest.raises(ArtifactRefused, match="holds version 3 as 0003 and 3; remove all but one"):
        load_model(Settings(model_dir=folder))


def external(tmp_path: Path) -> tuple[bytes, bytes]:
    """A graph as PyTorch exports it, and the file that it keeps its weights in."""
    nodes = [helper.make_node("MatMul", ["x", "weights"], ["sums"])]
    nodes += [helper.make_node("Softmax", ["sums"], ["probabilities"])]
    shapes = {"x": ("float32", [None, 2])}, {"probabilities": ("float32", [None, 2])}
    whole = onnx.load_from_string(graph(nodes, *shapes, weights=np.array([[1, 0], [0, 1]], np.float32)))
    path, data = tmp_path / "exported.onnx", "model.onnx.data"
    onnx.save_model(whole, path, save_as_external_data=True, location=data, size_threshold=0)
    return path.read_bytes(), (tmp_path / data).read_bytes()


def test_weights_in_another_file_are_verified_and_loaded(tmp_path: Path) -> None:
    content, weights = external(tmp_path)
    folder = save(tmp_path / "model", content, ["a", "b"], {"model.onnx.data": weights})
    answer = serve(folder).post("/predict", json={"data": [[0, 1]]}).json()["prediction"]
    assert answer[0] == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)], abs=1e-6)
    (folder / "3" / "model.onnx.data").write_bytes(weights[::-1])
    with pytest.raises(ArtifactRefused, match=r"model.onnx.data is not what was built"):
        load_model(Settings(model_dir=folder))


def test_weights_in_a_file_that_the_manifest_does_not_list_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, weights = external(tmp_path)
    folder = save(tmp_path / "model", content, ["a", "b"])
    (folder / "3" / "model.onnx.data").write_bytes(weights)
    monkeypatch.chdir(folder / "3")  # where ONNX Runtime itself would look for them
    with pytest.raises(ArtifactRefused, match=r"cannot be loaded from its `files`: .*External file: model.onnx.data"):
        load_model(Settings(model_dir=folder))


def test_a_property_called_location_is_no_file(tmp_path: Path) -> None:
    model = onnx.load_from_string(exported(LogisticRegression(max_iter=1000)))
    helper.set_model_props(model, {"location": "Zurich"})
    folder = save(tmp_path / "model", model.SerializeToString(), list("abc"))
    assert load_model(Settings(model_dir=folder)).name == "small"


def test_a_regressor_answers_values_and_has_no_labels(tmp_path: Path) -> None:
    model = LinearRegression()
    client = serve(save(tmp_path / "model", exported(model, FLOWERS, FLOWERS.sum(axis=1)), [], task="regression"))
    answer = client.post("/predict", json={"data": FLOWERS[:3].tolist()}).json()
    assert answer["prediction"] == pytest.approx(model.predict(FLOWERS[:3]), abs=1e-4)
    assert client.get("/predict/test").json()["prediction"] == pytest.approx([10.2], abs=1e-4)
    assert [client.post(path, json={"data": [[1] * 4]}).status_code for path in LABEL_PATHS] == [404, 404]
    assert not set(LABEL_PATHS) & set(client.get("/openapi.json").json()["paths"])


def test_a_regressor_may_answer_several_values(tmp_path: Path) -> None:
    model, targets = LinearRegression(), FLOWERS[:, :2] * 2
    client = serve(save(tmp_path / "model", exported(model, FLOWERS, targets), [], task="regression"))
    answer = client.post("/predict", json={"data": FLOWERS[:3].tolist()}).json()["prediction"]
    assert np.allclose(answer, targets[:3], atol=1e-4)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"task": "ranking"}, r"manifest.json: task: Input should be 'classification' or 'regression'"),
        ({"output": "chance"}, "must have one float output;"),
        ({"sample": [1, 2]}, "fails on two rows; set `sample` in manifest.json to a row that it takes"),
        ({"sample": "5.1"}, "manifest.json: sample"),
        ({"labels": ["yes"]}, r"answers two rows with shape \(2, 2\); the labels are \['yes'\]"),
        ({"labels": ["yes", "yes"]}, r"manifest.json: labels: name each label once, not \['yes', 'yes'\]"),
        ({"task": "regression", "output": "rows"}, "must have one float output;"),
    ],
)
def test_a_manifest_that_does_not_fit_the_graph_is_refused(
    model_dir: ModelDir, manifest: dict[str, object], reason: str
) -> None:
    with pytest.raises(ArtifactRefused, match=reason):
        load_model(Settings(model_dir=rewrite(model_dir(), **manifest)))


def test_a_dictionary_of_probabilities_is_refused_with_the_remedy(tmp_path: Path) -> None:
    model = LogisticRegression(max_iter=1000).fit(FLOWERS, IRIS.target)
    content = to_onnx(model, FLOWERS[:1]).SerializeToString()  # zipmap is on by default
    with pytest.raises(ArtifactRefused, match="turn zipmap off"):
        load_model(Settings(model_dir=save(tmp_path / "model", content, list("abc"))))


def test_a_sample_in_the_manifest_is_served(model_dir: ModelDir) -> None:
    client = serve(rewrite(model_dir(), sample=[7, 6, 5, 4, 3, 2, 1]))
    page = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    lists, _ = page["application/json"]["schema"]["properties"]["data"]["anyOf"]
    assert lists["examples"] == [[[7, 6, 5, 4, 3, 2, 1]]]
