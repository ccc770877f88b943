"""A version is served only if it answers as its training framework did."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import helper
from sklearn.linear_model import LinearRegression, LogisticRegression

from web_single import golden
from web_single.app import load_model
from web_single.artifact import ArtifactRefused
from web_single.settings import Settings

from ..conftest import save, serve
from ..graphs import CUSTOMERS, FLOWERS, IRIS, STAYS, churn, columns, exported, graph

ROWS = FLOWERS[[0, 60, 120]]
NAMES = [str(name) for name in IRIS.target_names]
Golden = dict[str, Any]


@pytest.fixture(scope="module")
def iris() -> tuple[bytes, Golden]:
    """A graph of Iris, and the answers of the classifier that it was made from."""
    model = LogisticRegression(max_iter=1000)
    content = exported(model)
    answers = {"probabilities": model.predict_proba(ROWS).tolist(), "label": model.predict(ROWS).tolist()}
    labels = [NAMES[index] for index in model.predict(ROWS)]
    return content, {"inputs": {"X": ROWS.tolist()}, "outputs": answers, "labels": labels, "tolerance": 1e-4}


def put(folder: Path, content: bytes, labels: list[str], answers: object, **manifest: Any) -> Settings:
    files = {"golden.json": json.dumps(answers).encode()}
    return Settings(model_dir=save(folder / "model", content, labels, files, **manifest))


def test_a_model_that_gives_its_golden_answers_is_served_without_a_warning(
    iris: tuple[bytes, Golden], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = load_model(put(tmp_path, iris[0], NAMES, iris[1]))
    assert model.sample == ROWS[0].tolist()
    assert not caplog.records


def test_a_model_without_golden_answers_is_served_with_one_warning(
    iris: tuple[bytes, Golden], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    golden.warn_once.cache_clear()
    folder = save(tmp_path / "model", iris[0], NAMES)
    for _ in range(2):
        load_model(Settings(model_dir=folder))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.messages[0].startswith("small, version 3, has no golden answers: its file was verified")


def damaged(answers: Golden, damage: Callable[[Golden], object]) -> Golden:
    copy: Golden = json.loads(json.dumps(answers))
    damage(copy)
    return copy


PACKAGE = "; package the model again (python -m models.package)"
DIFFERENCES: dict[str, tuple[Callable[[Golden], object], str]] = {
    "another probability": (
        lambda answers: answers["outputs"]["probabilities"][2].__setitem__(1, 0.5),
        r"golden row 2, probabilities\[1\]: expected 0.5, the model gives 0.0\d+" + PACKAGE[:9],
    ),
    "another class": (
        lambda answers: answers["outputs"]["label"].__setitem__(1, 2),
        "golden row 1, label: expected 2, the model gives 1; package",
    ),
    "another label": (
        lambda answers: answers["labels"].reverse(),
        "the golden label of row 0 is 'virginica', but 'probabilities' is highest for 'setosa'; name the right",
    ),
    "other inputs": (
        lambda answers: answers.update(inputs={"x": [[1, 2, 3, 4]] * 3}),
        r"must be for the inputs \['X'\]",
    ),
    "no answers for the output": (lambda answers: answers["outputs"].pop("probabilities"), "at least the output 'prob"),
    "an output that is not there": (lambda answers: answers["outputs"].update(x=[1, 2, 3]), "must be for the inputs"),
    "rows of another width": (lambda answers: answers.update(inputs={"X": [[1, 2]] * 3}), "golden.json: inputs: X: "),
    "text for numbers": (lambda answers: answers.update(inputs={"X": [["a"] * 4] * 3}), "golden.json: inputs: X: "),
    "fewer labels": (lambda answers: answers["labels"].pop(), "the same number of rows"),
    "ragged answers": (lambda answers: answers["outputs"]["probabilities"][0].pop(), "outputs: probabilities: "),
    "flat answers": (
        lambda answers: answers["outputs"].update(probabilities=[1, 2, 3]),
        r"shape \(3,\), the model's has",
    ),
    "no tolerance": (lambda answers: answers.pop("tolerance"), "cannot be used: KeyError"),
    "any answer is right": (lambda answers: answers.update(tolerance=9), "and a tolerance"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_model_that_gives_another_answer_is_refused_in_one_line(
    iris: tuple[bytes, Golden], tmp_path: Path, name: str
) -> None:
    damage, reason = DIFFERENCES[name]
    with pytest.raises(ArtifactRefused, match=reason) as refused:
        load_model(put(tmp_path, iris[0], NAMES, damaged(iris[1], damage)))
    assert len(str(refused.value).splitlines()) == 1


def test_labels_in_another_order_are_refused(iris: tuple[bytes, Golden], tmp_path: Path) -> None:
    with pytest.raises(
        ArtifactRefused, match="golden label of row 0 is 'setosa', but 'probabilities' is highest for 'ver"
    ):
        load_model(put(tmp_path, iris[0], [NAMES[1], NAMES[0], NAMES[2]], iris[1]))


def test_golden_answers_without_a_checksum_are_refused(iris: tuple[bytes, Golden], tmp_path: Path) -> None:
    folder = save(tmp_path / "model", iris[0], NAMES)
    (folder / "3" / "golden.json").write_text(json.dumps(iris[1]))
    with pytest.raises(ArtifactRefused, match=r"manifest.json has no sha256 for golden.json; package the model again"):
        load_model(Settings(model_dir=folder))


def test_golden_answers_that_are_not_json_are_refused(iris: tuple[bytes, Golden], tmp_path: Path) -> None:
    for number, (content, error) in enumerate({b"{": "JSONDecodeError", b"[" * 10**6: "RecursionError"}.items()):
        folder = save(tmp_path / str(number), iris[0], NAMES, {"golden.json": content})
        with pytest.raises(ArtifactRefused, match=f"golden.json cannot be used: {error}"):
            load_model(Settings(model_dir=folder))


def test_golden_rows_may_have_columns_of_several_types(tmp_path: Path) -> None:
    model, content = churn()
    inputs = {name: [[row[name]] for row in CUSTOMERS] for name in CUSTOMERS[0]} | {"age": [20, 71, 35, 52]}
    outputs = {"probabilities": model.predict_proba(columns(CUSTOMERS)).tolist()}
    answers = {"inputs": inputs, "outputs": outputs, "labels": STAYS.tolist(), "tolerance": 1e-4}
    client = serve(put(tmp_path, content, ["leaves", "stays"], answers).model_dir)
    sample = client.post("/predict", json={"data": CUSTOMERS[:1]}).content
    assert client.get("/predict/test").content == sample


@pytest.mark.parametrize("nested", [True, False])
def test_a_regressor_gives_its_golden_values(tmp_path: Path, nested: bool) -> None:
    model = LinearRegression()
    content, values = exported(model, FLOWERS, FLOWERS @ [1, 2, 3, 4] + 5), model.predict(ROWS).tolist()
    answers = {"inputs": {"X": ROWS.tolist()}, "outputs": {"variable": [[v] for v in values] if nested else values}}
    client = serve(put(tmp_path, content, [], answers | {"tolerance": 1e-3}, task="regression").model_dir)
    assert client.post("/predict", json={"data": ROWS.tolist()}).json()["prediction"] == pytest.approx(values, abs=1e-3)
    wrong = answers | {"outputs": {"variable": [value + 1 for value in values]}, "tolerance": 1e-3}
    with pytest.raises(ArtifactRefused, match=r"golden row 0, variable\[0\]: expected 2"):
        load_model(put(tmp_path / "wrong", content, [], wrong, task="regression"))


def test_missing_values_and_bytes_are_read(tmp_path: Path) -> None:
    nodes = [helper.make_node("Identity", ["text"], ["same"]), helper.make_node("IsNaN", ["x"], ["nan"])]
    nodes += [helper.make_node("Cast", ["nan"], ["values"], to=1)]
    inputs = {"x": ("float32", [None, 1]), "text": ("string", [None, 1])}
    content = graph(nodes, inputs, {"values": ("float32", [None, 1]), "same": ("string", [None, 1])})
    answers = {"inputs": {"x": [1, None], "text": ["a", {"b64": "w6k="}]}, "tolerance": 0.0}
    answers["outputs"] = {"values": [0, 1], "same": [["a"], ["é"]]}
    model = load_model(put(tmp_path, content, [], answers, task="regression", inputs=[{"name": "x", "missing": True}]))
    assert model.sample == [1.0, "a"]


def test_a_golden_label_must_be_the_one_that_is_served_where_two_are_as_likely(tmp_path: Path) -> None:
    content = graph(
        [helper.make_node("Softmax", ["x"], ["p"])], {"x": ("float32", [None, 2])}, {"p": ("float32", [None, 2])}
    )
    answers = {"inputs": {"x": [[1, 1], [0, 1]]}, "outputs": {"p": [[0.5, 0.5], [0.268941, 0.731059]]}}
    right, wrong = ({**answers, "labels": [tie, "b"], "tolerance": 1e-4} for tie in "ab")
    assert load_model(put(tmp_path / "right", content, ["a", "b"], right)).labels == ["a", "b"]
    with pytest.raises(ArtifactRefused, match="the golden label of row 0 is 'b', but 'p' is highest for 'a'"):
        load_model(put(tmp_path / "wrong", content, ["a", "b"], wrong))


def test_small_answers_are_compared_at_their_scale(tmp_path: Path) -> None:
    kinds = {"x": ("float32", [None, 1])}, {"y": ("float32", [None, 1])}
    content = graph([helper.make_node("Identity", ["x"], ["y"])], *kinds)
    answers = {"inputs": {"x": [[1e-5], [2e-5]]}, "outputs": {"y": [[1e-4], [2e-4]]}, "tolerance": 1e-4}
    with pytest.raises(ArtifactRefused, match=r"golden row 0, y\[0\]: expected 0.0001, the model gives 1e-05"):
        load_model(put(tmp_path, content, [], answers, task="regression"))
