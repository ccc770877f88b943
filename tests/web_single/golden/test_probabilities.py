"""Without golden answers: a classifier's output holds probabilities, and they are those of the labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsOneClassifier
from sklearn.svm import SVC

from web_single.app import load_model
from web_single.artifact import ArtifactRefused
from web_single.settings import Settings

from ..conftest import save, serve
from ..graphs import FLOWERS, IRIS, exported, graph

TWO = (IRIS.target > 0).astype(int)
SCORES: dict[str, tuple[Any, Any]] = {
    "SVC of two classes": (SVC(), TWO),
    "SVC of three classes": (SVC(), IRIS.target),
    "SGD": (SGDClassifier(random_state=0), TWO),
    "Perceptron": (Perceptron(), IRIS.target),
    "Ridge": (RidgeClassifier(), IRIS.target),
    "one against one": (OneVsOneClassifier(LogisticRegression()), IRIS.target),
}
# Converting some of these is deprecated in scikit-learn, or declares a shape that ONNX Runtime warns about.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.mark.parametrize("name", SCORES)
def test_raw_scores_are_not_served_as_probabilities(tmp_path: Path, name: str) -> None:
    model, targets = SCORES[name]
    labels = list("abc")[: len(set(targets))]
    folder = save(tmp_path / "model", exported(model, FLOWERS, targets), labels)
    with pytest.raises(ArtifactRefused, match=r"'probabilities' holds no probabilities that sum to 1, but .*; train"):
        load_model(Settings(model_dir=folder))


def network(**scores: object) -> bytes:
    """A network on rows [n, 4]: a hidden layer, logits and probabilities, all [n, 3]; `outputs` are given."""
    weights = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], np.float32)
    nodes = [helper.make_node("MatMul", ["x", "weights"], ["sums"]), helper.make_node("Relu", ["sums"], ["hidden"])]
    nodes += [helper.make_node("MatMul", ["hidden", "square"], ["logits"])]
    nodes += [helper.make_node("Softmax", ["logits"], ["probabilities"])]
    outputs = {name: ("float32", [None, 3]) for name in scores}
    return graph(nodes, {"x": ("float32", [None, 4])}, outputs, weights=weights, square=weights[:3])


def test_a_hidden_layer_beside_the_probabilities_must_be_told_from_them(tmp_path: Path) -> None:
    content, labels = network(hidden=1, probabilities=1), list("abc")
    with pytest.raises(ArtifactRefused, match=r"must have one float output; name one as `output`"):
        load_model(Settings(model_dir=save(tmp_path / "unnamed", content, labels)))
    with pytest.raises(ArtifactRefused, match="'hidden' holds no probabilities"):
        load_model(Settings(model_dir=save(tmp_path / "hidden", content, labels, output="hidden")))
    client = serve(save(tmp_path / "right", content, labels, output="probabilities"))
    (answer,) = client.post("/predict", json={"data": [[1, 2, 3, 0]]}).json()["prediction"]
    assert answer == pytest.approx(np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum(), abs=1e-6)


def test_a_layer_of_another_width_is_not_taken_for_the_probabilities(tmp_path: Path) -> None:
    nodes = [helper.make_node("Softmax", ["x"], ["wide"]), helper.make_node("MatMul", ["wide", "pick"], ["narrow"])]
    outputs = {"wide": ("float32", [None, 4]), "narrow": ("float32", [None, 2])}
    pick = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    content = graph(nodes, {"x": ("float32", [None, 4])}, outputs, pick=pick)
    with pytest.raises(ArtifactRefused, match="must have one float output"):
        load_model(Settings(model_dir=save(tmp_path / "unnamed", content, ["a", "b"])))
    client = serve(save(tmp_path / "model", content, ["a", "b"], output="narrow"))
    assert client.post("/predict", json={"data": [[0] * 4]}).json() == {"prediction": [[0.5, 0.5]]}


def test_logits_are_not_served_as_probabilities(tmp_path: Path) -> None:
    with pytest.raises(ArtifactRefused, match=r"'logits' holds no probabilities that sum to 1, but 5.3, 3.7, 1.6;"):
        load_model(Settings(model_dir=save(tmp_path / "model", network(logits=1), list("abc"))))


NAMES = np.array(["setosa", "versicolor", "virginica"])
FIX = "name the right `output`, `labels` in its order, or the graph's own labels as `classes`"


@pytest.mark.parametrize(
    ("targets", "labels", "manifest"),
    [
        (IRIS.target, list(NAMES), {}),
        (NAMES[IRIS.target], list(NAMES), {}),
        (IRIS.target + 1, ["1", "2", "3"], {}),
        (IRIS.target + 1, list(NAMES), {"classes": [1, 2, 3]}),
        (NAMES[IRIS.target], ["a", "b", "c"], {"classes": list(NAMES)}),
        (IRIS.target + 7, list(NAMES), {"label_output": None}),
    ],
)
def test_the_label_of_the_graph_may_be_a_number_or_a_name(
    tmp_path: Path, targets: Any, labels: list[str], manifest: dict[str, Any]
) -> None:
    content = exported(LogisticRegression(max_iter=1000), FLOWERS, targets)
    client = serve(save(tmp_path / "model", content, labels, **manifest))
    answer = client.post("/predict/label", json={"data": FLOWERS[[0, 60, 120]].tolist()})
    assert answer.json() == {"prediction": labels}


@pytest.mark.parametrize(
    ("labels", "manifest", "said"),
    [
        (["virginica", "versicolor", "setosa"], {}, "is 'setosa', but 'probabilities' is highest for 'virginica'"),
        (["a", "b", "c"], {}, "is 'setosa', but 'probabilities' is highest for 'a'"),
        (["a", "b", "c"], {}, "as `classes` in manifest.json; `label_output` is null if it has none"),
        (list(NAMES), {"classes": ["virginica", "versicolor", "setosa"]}, "is highest for 'setosa'"),
        (list(NAMES), {"label_output": "probabilities"}, r"label_output: 'probabilities' is not one of \['label'\]"),
        (list(NAMES), {"classes": 3}, "classes"),
    ],
)
def test_labels_that_are_not_those_of_the_graph_are_refused(
    tmp_path: Path, labels: list[str], manifest: dict[str, Any], said: str
) -> None:
    content = exported(LogisticRegression(max_iter=1000), FLOWERS, NAMES[IRIS.target])
    with pytest.raises(ArtifactRefused, match=said):
        load_model(Settings(model_dir=save(tmp_path / "model", content, labels, **manifest)))


def test_an_output_with_a_fixed_number_of_values_is_not_taken_for_the_label(tmp_path: Path) -> None:
    nodes = [helper.make_node("Softmax", ["x"], ["probabilities"]), helper.make_node("Shape", ["x"], ["shape"])]
    outputs = {"shape": ("int64", [2]), "probabilities": ("float32", [None, 2])}
    content = graph(nodes, {"x": ("float32", [None, 2])}, outputs)
    assert load_model(Settings(model_dir=save(tmp_path / "model", content, ["no", "yes"]))).labels == ["no", "yes"]


def test_the_label_of_the_graph_may_be_true_or_false(tmp_path: Path) -> None:
    nodes = [helper.make_node("Softmax", ["x"], ["probabilities"]), helper.make_node("ArgMax", ["x"], ["best"], axis=1)]
    nodes += [helper.make_node("Cast", ["best"], ["label"], to=9)]
    outputs = {"label": ("bool", [None, 1]), "probabilities": ("float32", [None, 2])}
    content = graph(nodes, {"x": ("float32", [None, 2])}, outputs)
    assert load_model(Settings(model_dir=save(tmp_path / "right", content, ["no", "yes"]))).labels == ["no", "yes"]
    with pytest.raises(ArtifactRefused, match="the graph's own label of row 0 is"):
        load_model(Settings(model_dir=save(tmp_path / "wrong", content, ["no", "yes"], classes=[1, 0])))
