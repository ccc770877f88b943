"""The label that is served is the trainer's, also where two labels are as likely."""

import json

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from onnx import TensorProto
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, load_wine
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from models.package.answers import Golden
from models.package.estimator import package_estimator
from models.package.graph import PackagingRefused
from models.package.onnx_file import package_onnx

from ..web_single.conftest import serve
from .graphs import ROWS, SCORES, WEIGHTS, graph, put

DRAW = np.random.default_rng(0)
NUMBERS = DRAW.normal(size=(500, 4)).round(2)
NOISY = NUMBERS[:, 0] + DRAW.normal(size=500)
OTHERS = DRAW.normal(size=(2000, 4)).round(2)


@pytest.mark.parametrize("data", [load_iris(), load_wine()], ids=["iris", "wine"])
def test_a_label_that_is_not_the_likeliest_is_refused(tmp_path, data):
    model = SGDClassifier(loss="log_loss", random_state=0).fit(data.data, data.target)
    with pytest.raises(PackagingRefused, match=r"does not predict the label with the highest .*CalibratedClassifierCV"):
        package_estimator(model, data.data, "net", models=tmp_path)


@pytest.mark.parametrize("forest", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("names", [["a", "b"], [0, 1, 2]])
def test_a_tie_of_trees_goes_to_the_trainers_label(tmp_path, forest, names):
    target = np.array(names)[np.digitize(NOISY, [0, 0.7][: len(names) - 1])]
    model = forest(20, random_state=0).fit(NUMBERS, target)
    best = np.sort(model.predict_proba(OTHERS))
    assert (best[:, -1] == best[:, -2]).sum() > 20
    client = serve(package_estimator(model, NUMBERS, "net", models=tmp_path).parent)
    body = {"data": OTHERS.tolist()}
    assert client.post("/predict/label", json=body).json()["prediction"] == [*map(str, model.predict(OTHERS))]
    probabilities = client.post("/predict", json=body).json()["prediction"]
    np.testing.assert_allclose(probabilities, model.predict_proba(OTHERS), atol=1e-6)


def test_a_tie_that_the_graph_breaks_differently_is_refused(tmp_path):
    half = {"inputs": {"x": ROWS}, "outputs": {"p": np.full((5, 2), 0.5)}}
    model = graph([("MatMul", ["x", "w"], ["s"], {}), ("Softmax", ["s"], ["p"], {})], [P], w=0 * WEIGHTS)
    source, _ = put(tmp_path, model, {})
    assert package_onnx(source, "net", Golden(**half, labels=["a"] * 5), labels=["a", "b"], models=tmp_path)
    with pytest.raises(PackagingRefused, match="row 4: the trainer's label is 'b', but the probability of 'a' is high"):
        package_onnx(source, "net", Golden(**half, labels=[*"aaaab"]), labels=["a", "b"], models=tmp_path)


P = ("p", "float32", [None, 2])


def test_small_values_are_compared_at_their_scale(tmp_path):
    options = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5, "n_estimators": 10, "verbose": -1}
    model = LGBMRegressor(**options).fit(NUMBERS, (abs(NUMBERS[:, 0]) + 0.1) * 2e-5)
    with pytest.raises(PackagingRefused, match=r"the trainer answers .*, the graph .*e-0[67];"):
        package_estimator(model, NUMBERS, "net", models=tmp_path)


def test_a_kept_row_shows_the_scale_of_the_answers(tmp_path):
    values = np.where(np.arange(1000) == 777, 1, 1e-9)[:, None]
    source, _ = put(tmp_path, graph([("Identity", ["x"], ["y"], {})], [("y", "float32", [None, 1])], ONE), {})
    folder = package_onnx(source, "net", Golden({"x": values}, {"y": values}), models=tmp_path)
    assert [1] in json.loads((folder / "golden.json").read_text())["outputs"]["y"]


ONE = [("x", "float32", [None, 1])]


def test_an_answer_that_depends_on_an_outlier_is_refused(tmp_path):
    nodes = [SCORES, ("DynamicQuantizeLinear", ["scores"], ["q", "scale", "zero"], {})]
    nodes += [("DequantizeLinear", ["q", "scale", "zero"], ["y"], {})]
    source, _ = put(tmp_path, graph(nodes, [("y", "float32", [None, 2])], w=WEIGHTS), {})
    rows = np.array([[1, 0], [1, 0]], np.float32)
    with pytest.raises(PackagingRefused, match="answered differently beside a row of large numbers; quantize it stat"):
        package_onnx(source, "net", Golden({"x": rows}, {"y": rows @ WEIGHTS}, None, 0.01), models=tmp_path)


def test_an_answer_that_depends_on_an_outlier_of_whole_numbers_is_refused(tmp_path):
    nodes = [("Cast", ["x"], ["f"], {"to": TensorProto.FLOAT})]
    nodes += [("DynamicQuantizeLinear", ["f"], ["q", "scale", "zero"], {})]
    nodes += [("DequantizeLinear", ["q", "scale", "zero"], ["d"], {})]
    nodes += [("ReduceSum", ["d", "axis"], ["y"], {"keepdims": 1})]
    rows = np.array([[100, 10], [100, 20], [100, 50], [100, 77], [100, 100]])
    model = graph(nodes, [("y", "float32", [None, 1])], [("x", "int64", [None, 2])], axis=np.array([1]))
    source, _ = put(tmp_path, model, {})
    golden = Golden({"x": rows}, {"y": rows.sum(axis=1, keepdims=True)}, None, 0.01)
    with pytest.raises(PackagingRefused, match="answered differently beside a row of large numbers"):
        package_onnx(source, "net", golden, models=tmp_path)


TIMES = DRAW.integers(1_700_000_000, 1_700_100_000, (500, 1)).astype(float)
LATE = (TIMES[:, 0] > 1_700_050_000).astype(int)
LATER = DRAW.integers(1_700_000_000, 1_700_100_000, (2000, 1)).astype(float)


def test_large_whole_numbers_in_a_matrix_are_compared_in_float64(tmp_path):
    rows, asked = np.c_[TIMES % 7, TIMES], np.c_[LATER % 7, LATER]
    model = LGBMClassifier(n_estimators=5, verbose=-1).fit(rows, LATE)
    client = serve(package_estimator(model, rows, "net", models=tmp_path).parent)
    answers = client.post("/predict", json={"data": asked.tolist()}).json()["prediction"]
    np.testing.assert_allclose(answers, model.predict_proba(asked), atol=1e-5)


def test_large_whole_numbers_in_a_table_are_compared_in_float64(tmp_path):
    rows = pd.DataFrame({"time": TIMES[:, 0].astype(int), "day": TIMES[:, 0].astype(int) % 7})
    model = HistGradientBoostingClassifier(max_iter=5).fit(rows, LATE)
    client = serve(package_estimator(model, rows, "net", models=tmp_path).parent)
    asked = pd.DataFrame({"time": LATER[:, 0].astype(int), "day": LATER[:, 0].astype(int) % 7})
    answers = client.post("/predict", json={"data": asked.to_numpy().tolist()}).json()["prediction"]
    np.testing.assert_allclose(answers, model.predict_proba(asked), atol=1e-5)


def test_large_numbers_of_categories_are_served(tmp_path):
    rows = pd.DataFrame({"shop": DRAW.choice([1_700_000_001, 1_700_000_003], 500)})
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["shop"]))
    model = make_pipeline(encode, LogisticRegression()).fit(rows, rows["shop"] == 1_700_000_001)
    client = serve(package_estimator(model, rows, "net", models=tmp_path).parent)
    asked = pd.DataFrame({"shop": [1_700_000_001, 1_700_000_002, 1_700_000_003]})
    answers = client.post("/predict", json={"data": asked.to_numpy().tolist()}).json()["prediction"]
    np.testing.assert_allclose(answers, model.predict_proba(asked), atol=1e-5)


def test_large_whole_numbers_in_a_step_that_rounds_them_are_refused(tmp_path):
    rows = pd.DataFrame({"time": TIMES[:, 0].astype(int), "price": TIMES[:, 0] % 7})
    scale = make_column_transformer((StandardScaler(), ["time"]), remainder="passthrough")
    model = make_pipeline(scale, LogisticRegression(C=1000)).fit(rows, LATE)
    with pytest.raises(PackagingRefused, match="column 'time' holds whole numbers that float32 rounds"):
        package_estimator(model, rows, "net", models=tmp_path)


@pytest.mark.parametrize(
    "model",
    [make_pipeline(StandardScaler(), LogisticRegression(C=1000)), RandomForestClassifier(5), DecisionTreeClassifier()],
)
def test_large_whole_numbers_are_served_where_the_graph_treats_them_as_the_trainer(tmp_path, model):
    client = serve(package_estimator(model.fit(TIMES, LATE), TIMES, "net", models=tmp_path).parent)
    answers = client.post("/predict", json={"data": LATER.tolist()}).json()["prediction"]
    np.testing.assert_allclose(answers, model.predict_proba(LATER), atol=1e-5)


def test_many_quantiles_are_refused_before_the_conversion(tmp_path):
    model = make_pipeline(QuantileTransformer(n_quantiles=400), DecisionTreeClassifier()).fit(NUMBERS, NOISY > 0)
    with pytest.raises(PackagingRefused, match="has 400 quantiles, too many to convert; train it with n_quantiles=100"):
        package_estimator(model, NUMBERS, "net", models=tmp_path)
