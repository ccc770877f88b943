"""Trees answer as their trainer for numbers on their thresholds, which lie halfway between those of the training."""

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import is_classifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor

from models.package.estimator import package_estimator
from models.package.graph import PackagingRefused

from ..web_single.conftest import serve

DRAW = np.random.default_rng(0)
ROWS = DRAW.uniform(0, 5, (400, 3)).round(1)
KINDS = (ROWS[:, 0] + ROWS[:, 1] / 2 > 4).astype(int) + (ROWS[:, 2] > 3.2)
AMOUNTS = ROWS @ [2, 1, 0.1]
ASKED = np.concatenate([ROWS, (DRAW.uniform(0, 5, (600, 3)).round(1) + 0.05).round(2)])

MORE = [pytest.param(scaler, marks=pytest.mark.exhaustive) for scaler in (MinMaxScaler(), RobustScaler())]
SCALERS = [None, StandardScaler(), *MORE]
TREES = [
    DecisionTreeClassifier(random_state=0),
    DecisionTreeRegressor(random_state=0),
    RandomForestClassifier(10, random_state=0),
    RandomForestRegressor(10, random_state=0),
    ExtraTreesRegressor(10, random_state=0),
    GradientBoostingClassifier(n_estimators=10, random_state=0),
    GradientBoostingRegressor(n_estimators=10, random_state=0),
    HistGradientBoostingClassifier(max_iter=20),
    HistGradientBoostingRegressor(max_iter=20),
    LGBMClassifier(n_estimators=20, verbose=-1),
    LGBMRegressor(n_estimators=20, verbose=-1),
    XGBClassifier(n_estimators=10),
    XGBRegressor(n_estimators=10),
    BaggingClassifier(DecisionTreeClassifier(random_state=0), 5, random_state=0),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
@pytest.mark.parametrize("tree", TREES, ids=lambda tree: type(tree).__name__)
def test_a_tree_answers_as_its_trainer_on_its_thresholds(tmp_path, tree, scaler):
    model = make_pipeline(scaler, tree) if scaler else tree
    model.fit(ROWS, KINDS if is_classifier(tree) else AMOUNTS)
    client = serve(package_estimator(model, ROWS, "net", models=tmp_path).parent)
    answers = client.post("/predict", json={"data": ASKED.tolist()}).json()["prediction"]
    expected = model.predict_proba(ASKED) if is_classifier(tree) else model.predict(ASKED)
    assert answers == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_tree_that_no_graph_answers_as_its_trainer_is_refused(tmp_path):
    model = make_pipeline(StandardScaler(), AdaBoostClassifier(n_estimators=5)).fit(ROWS, KINDS)
    with pytest.raises(PackagingRefused, match="the trainer answers"):
        package_estimator(model, ROWS, "net", models=tmp_path)


@pytest.mark.parametrize("tree", [RandomForestClassifier(10, random_state=0), HistGradientBoostingClassifier()])
def test_trees_behind_imputed_scaled_and_encoded_columns_answer_as_their_trainer(tmp_path, tree):
    rows = pd.DataFrame(ROWS, columns=["a", "b", "c"]).assign(city=DRAW.choice(["Oslo", "Rome"], len(ROWS)))
    rows.loc[::17, "a"] = np.nan
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["a", "b", "c"]
    columns = make_column_transformer(numbers, (OneHotEncoder(handle_unknown="ignore"), ["city"]))
    model = make_pipeline(columns, tree).fit(rows, KINDS)
    asked = rows.assign(b=(rows["b"] + 0.05).round(2)).astype(object)
    client = serve(package_estimator(model, rows, "net", models=tmp_path).parent)
    data = asked.where(asked.notna(), None).to_numpy().tolist()
    answers = client.post("/predict", json={"data": data}).json()["prediction"]
    assert answers == pytest.approx(model.predict_proba(asked), rel=1e-4, abs=1e-5)


SALARIES = pd.DataFrame({"salary": DRAW.integers(20, 120, 500) * 1000, "x": DRAW.normal(size=500).round(2)})
PRICES = pd.DataFrame({"price": DRAW.uniform(0, 1000, 3000).round(2), "x": DRAW.normal(size=3000).round(2)})


@pytest.mark.parametrize(
    ("rows", "least", "model"),
    [
        (SALARIES, 70_000, make_pipeline(StandardScaler(), LGBMClassifier(n_estimators=20, verbose=-1))),
        (SALARIES, 70_000, make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=20))),
        (PRICES, 500, make_pipeline(MinMaxScaler(), RandomForestClassifier(10, max_depth=4, random_state=0))),
    ],
    ids=["LightGBM", "HistGradientBoosting", "RandomForest"],
)
def test_a_table_answers_as_its_trainer_halfway_between_its_rows(tmp_path, rows, least, model):
    model.fit(rows, rows.iloc[:, 0] + 100 * rows["x"] > least)
    known = np.unique(rows.iloc[:, 0])
    asked = pd.DataFrame({rows.columns[0]: ((known[1:] + known[:-1]) / 2).round(3), "x": 0.5})
    asked = asked.astype(rows.dtypes)
    client = serve(package_estimator(model, rows, "net", models=tmp_path).parent)
    data = [list(row) for row in asked.itertuples(index=False)]
    answers = [each for n in range(0, len(data), 500) for each in ask(client, data[n : n + 500])]
    assert answers == pytest.approx(model.predict_proba(asked), rel=1e-4, abs=1e-5)


def ask(client, rows):
    return client.post("/predict", json={"data": rows}).json()["prediction"]


@pytest.mark.parametrize(
    "model",
    [
        LGBMClassifier(n_estimators=30, verbose=-1, max_bin=1023, min_child_samples=5),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2)),
    ],
    ids=["LightGBM", "DecisionTree"],
)
def test_times_between_midnights_are_answered_as_by_the_trainer(tmp_path, model):
    days = np.array([day for day in range(600) if day != 300])
    rows = pd.DataFrame({"t": 1_699_920_000 + 86400 * days, "x": DRAW.normal(size=599).round(2)})
    model.fit(rows, days > 299)
    asked = pd.DataFrame({"t": [1_725_840_000 + more for more in (-1, 0, 1, 64, 65)] + [1_739_102_400], "x": 0.5})
    client = serve(package_estimator(model, rows, "net", models=tmp_path).parent)
    answers = ask(client, [list(row) for row in asked.itertuples(index=False)])
    assert answers == pytest.approx(model.predict_proba(asked), rel=1e-4, abs=1e-5)
