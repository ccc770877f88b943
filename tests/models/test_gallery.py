"""Each model of the gallery is served as its training framework answers, or refused in one line."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from local.processes import ROOT
from models.gallery import networks, tabular
from models.gallery.example import estimator
from models.package.estimator import package_estimator
from models.package.graph import PackagingRefused

from ..web_single.conftest import serve

SERVED = [
    tabular.logistic,
    tabular.logistic_of_strings,
    tabular.logistic_of_one_and_two,
    tabular.svc_with_probabilities,
    tabular.random_forest,
    tabular.hist_gradient_boosting,
    tabular.lightgbm,
    tabular.xgboost,
    tabular.column_transformer,
    tabular.text,
    tabular.regressor,
    tabular.lightgbm_regressor,
    tabular.several_values,
    networks.network,
]
REFUSED = {
    tabular.svc: "SVC has no probabilities; wrap it in CalibratedClassifierCV",
    tabular.several_labels: "gives several labels for each row; package one classifier for each of them",
    tabular.text_of_any_language: "is read differently by the graph than by the trainer; train with lowercase=False",
    networks.network_of_logits: "no probabilities that sum to 1, but .* end a network with softmax",
    networks.network_with_hidden_layer: "several outputs can be the answer: logits, probabilities; name one",
    networks.network_of_one_row: "input 'x' has a fixed batch size, .* export it with a free first dimension",
    networks.zipmap: r"list of dictionaries \(ZipMap\); convert it with options=.*zipmap",
}


def name(example):
    return example.__name__


def as_json(rows):
    """Return rows as a client sends them: objects by column, or lists; a missing number is null."""
    if hasattr(rows, "to_dict"):
        return rows.to_dict("records")
    listed = np.asarray(rows, object).reshape(len(rows), -1).tolist()
    return [[None if value != value else value for value in row] for row in listed]


@pytest.mark.parametrize("example", SERVED, ids=name)
def test_web_single_answers_as_the_training_framework(example, tmp_path):
    trained = example()
    client = serve(trained.package(tmp_path).parent)
    body = {"data": as_json(trained.rows)}
    answers = np.array(client.post("/predict", json=body).json()["prediction"])
    np.testing.assert_allclose(answers, trained.answers.reshape(answers.shape), rtol=1e-4, atol=1e-4)
    if trained.labels:
        assert client.post("/predict/label", json=body).json()["prediction"] == trained.labels


FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)  # "sepal length (cm)" and so on


@pytest.mark.parametrize(
    "model", [LogisticRegression(max_iter=1000), LGBMClassifier(n_estimators=5, verbose=-1), XGBClassifier()]
)
@pytest.mark.parametrize("columns", [[*FLOWERS], ["X", "a/b", "Höhe", "0"]])
def test_columns_of_any_name_are_inputs(model, columns, tmp_path):
    rows = FLOWERS.set_axis(columns, axis=1)
    client = serve(estimator("flowers", model.fit(rows, KINDS), rows).package(tmp_path).parent)
    answers = client.post("/predict", json={"data": as_json(rows)}).json()["prediction"]
    np.testing.assert_allclose(answers, model.predict_proba(rows), rtol=1e-4, atol=1e-4)


def test_a_column_with_the_name_of_an_output_is_refused(tmp_path):
    rows = FLOWERS.set_axis(["a", "b", "c", "label"], axis=1)
    with pytest.raises(PackagingRefused, match="of its own with the name of column 'label'; rename the column"):
        estimator("flowers", LogisticRegression(max_iter=1000).fit(rows, KINDS), rows).package(tmp_path)


@pytest.mark.parametrize("kind", [bool, float])
def test_classes_that_are_bool_or_float_are_served(kind, tmp_path):
    model = LogisticRegression().fit(FLOWERS.values, (KINDS == 1).to_numpy(kind))
    client = serve(package_estimator(model, FLOWERS.values, "versicolor", models=tmp_path).parent)
    assert client.get("/label").json()["labels"] == [str(kind(0)), str(kind(1))]


@pytest.mark.parametrize("model", [LinearDiscriminantAnalysis(), LGBMClassifier(verbose=-1), DecisionTreeClassifier()])
def test_columns_of_whole_numbers_are_served(model, tmp_path):
    rows = (FLOWERS * 10).astype(int)
    client = serve(estimator("flowers", model.fit(rows, KINDS), rows).package(tmp_path).parent)
    answers = client.post("/predict", json={"data": as_json(rows)}).json()["prediction"]
    np.testing.assert_allclose(answers, model.predict_proba(rows), rtol=1e-4, atol=1e-4)


def test_a_tree_that_splits_at_missing_values_is_converted_and_compared(tmp_path):
    rows = np.where(np.arange(len(FLOWERS))[:, None] % 5, FLOWERS.values, np.nan)
    model = DecisionTreeClassifier().fit(rows, KINDS)
    assert np.isinf(model.tree_.threshold).any()
    with pytest.raises(PackagingRefused, match=r"the trainer answers .*, the graph"):
        package_estimator(model, rows, "flowers", models=tmp_path)


def test_labels_of_a_regressor_are_refused(tmp_path):
    model = LinearRegression().fit(FLOWERS, KINDS)
    with pytest.raises(PackagingRefused, match="LinearRegression is a regressor, which has no labels; leave them out"):
        package_estimator(model, FLOWERS, "flowers", labels=["a", "b", "c"], models=tmp_path)


def test_labels_may_be_numbers(tmp_path):
    model = LogisticRegression(max_iter=1000).fit(FLOWERS.values, KINDS)
    version = package_estimator(model, FLOWERS.values, "flowers", labels=np.array([7, 8, 9]), models=tmp_path)
    assert serve(version.parent).get("/label").json()["labels"] == ["7", "8", "9"]


def test_a_model_without_the_interface_of_scikit_learn_is_refused(tmp_path):
    booster = XGBClassifier(n_estimators=1).fit(FLOWERS, KINDS).get_booster()
    with pytest.raises(PackagingRefused, match="Booster does not have the interface of scikit-learn; fit an estimator"):
        package_estimator(booster, FLOWERS, "flowers", models=tmp_path)


def test_texts_may_be_a_column_of_a_table(tmp_path):
    texts = pd.Series(["good film", "bad film"] * 9)
    model = make_pipeline(TfidfVectorizer(lowercase=False, token_pattern="[a-z]+"), LogisticRegression())
    assert package_estimator(model.fit(texts, [1, 0] * 9), texts, "films", models=tmp_path).name == "1"


@pytest.mark.parametrize("example", REFUSED, ids=name)
def test_a_model_that_cannot_be_served_right_is_refused_with_the_remedy(example, tmp_path):
    with pytest.raises(PackagingRefused, match=REFUSED[example]) as refusal:
        example().package(tmp_path)
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_missing_numbers_are_declared_where_the_model_takes_them(tmp_path):
    for example, missing in ((tabular.lightgbm, True), (tabular.random_forest, None)):
        manifest = json.loads((example().package(tmp_path) / "manifest.json").read_text())
        assert manifest["inputs"][0].get("missing") is missing


def test_the_columns_of_a_table_are_inputs_with_their_names(tmp_path):
    manifest = json.loads((tabular.column_transformer().package(tmp_path) / "manifest.json").read_text())
    inputs = [(each["name"], each["dtype"]) for each in manifest["inputs"]]
    assert inputs == [("age", "float32"), ("city", "string"), ("visits", "int64")]
    assert len(manifest["sample"]) == 3


def test_the_readme_lists_every_example_and_its_result():
    table = re.findall(
        r"^\| .* \| `(\w+)\.(\w+)` \| (served|refused)", (ROOT / "models" / "README.md").read_text(), re.M
    )
    told = {
        result: {example for module, example, each in table if each == result and module != "keras_models"}
        for result in ("served", "refused")
    }
    assert told == {"served": {*map(name, SERVED)}, "refused": {*map(name, REFUSED)}}
