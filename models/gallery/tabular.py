"""Models of scikit-learn, LightGBM and XGBoost over rows of numbers and over tables with named columns."""

from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud, load_wine
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier

from .example import Trained, estimator

IRIS, WINE, CANCER = load_iris(), load_wine(), load_breast_cancer()
FLOWERS = [str(name) for name in IRIS.target_names]


def logistic() -> Trained:
    """Train on classes 0, 1, 2, which are served under their names."""
    return estimator("logistic", LogisticRegression(max_iter=1000).fit(IRIS.data, IRIS.target), IRIS.data, FLOWERS)


def logistic_of_strings() -> Trained:
    """Train on classes that are strings."""
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return estimator("logistic-of-strings", model.fit(WINE.data, WINE.target_names[WINE.target]), WINE.data)


def logistic_of_one_and_two() -> Trained:
    """Train on two classes, 1 and 2."""
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return estimator("logistic-of-one-and-two", model.fit(CANCER.data, CANCER.target + 1), CANCER.data)


def svc() -> Trained:
    """Train a support vector classifier, which has scores only."""
    return estimator("svc", SVC().fit(IRIS.data, IRIS.target), IRIS.data, FLOWERS)


def svc_with_probabilities() -> Trained:
    """Train a support vector classifier with calibrated probabilities."""
    model = CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC()), ensemble=False)
    return estimator("svc-with-probabilities", model.fit(IRIS.data, IRIS.target), IRIS.data, FLOWERS)


def random_forest() -> Trained:
    """Train a random forest."""
    model = RandomForestClassifier(20, max_depth=6, random_state=0).fit(CANCER.data, CANCER.target)
    return estimator("random-forest", model, CANCER.data, ["malignant", "benign"])


def with_gaps() -> Any:
    """Return the rows of the wines with one in seven numbers missing."""
    rows = WINE.data.copy()
    rows[np.random.default_rng(0).random(rows.shape) < 1 / 7] = np.nan
    return rows


def hist_gradient_boosting() -> Trained:
    """Train on rows with missing numbers."""
    rows = with_gaps()
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(rows, WINE.target)
    return estimator("hist-gradient-boosting", model, rows)


def lightgbm() -> Trained:
    """Train on rows with missing numbers."""
    rows = with_gaps()
    model = LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1).fit(rows, WINE.target_names[WINE.target])
    return estimator("lightgbm", model, rows)


def xgboost() -> Trained:
    """Train on rows with missing numbers."""
    rows = with_gaps()
    return estimator("xgboost", XGBClassifier(n_estimators=20, n_jobs=1).fit(rows, WINE.target), rows)


def customers() -> tuple[pd.DataFrame, Any]:
    """Return 400 invented customers, and whether each of them left."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": draw.uniform(18, 90, 400).round(1),
            "city": draw.choice(["Oslo", "Rome", "Bern"], 400),
            "visits": draw.integers(0, 30, 400),
        }
    )
    leaves = table["age"] / 90 + (table["city"] == "Rome") - table["visits"] / 20 + draw.normal(0, 0.2, 400) > 0.3
    return table, np.where(leaves, "leaves", "stays")


def column_transformer() -> Trained:
    """Train on a table with columns of numbers and of text."""
    table, left = customers()
    encode = (OneHotEncoder(handle_unknown="ignore"), ["city"])
    prepare = make_column_transformer((StandardScaler(), ["age", "visits"]), encode)
    return estimator("column-transformer", make_pipeline(prepare, LogisticRegression()).fit(table, left), table)


def sentences(name: str, vectorizer: TfidfVectorizer) -> Trained:
    """Train on sentences."""
    draw = np.random.default_rng(0)
    words = {"good": ["great", "lovely", "fine"], "bad": ["awful", "dull", "broken"]}
    told = [str(draw.choice([*words])) for _ in range(120)]
    texts = [f"the {draw.choice(words[each])} {draw.choice(['film', 'book'])}" for each in told]
    model = make_pipeline(vectorizer, LogisticRegression()).fit(texts, told)
    return estimator(name, model, np.array(texts, object))


def text() -> Trained:
    """Train on sentences that are split as ONNX can split them, in the letters a to z."""
    return sentences("text", TfidfVectorizer(lowercase=False, token_pattern="[a-zA-Z0-9_]+"))  # noqa: S106


def text_of_any_language() -> Trained:
    """Train on sentences that are split at the end of a word in any language, which ONNX cannot do."""
    return sentences("text-of-any-language", TfidfVectorizer(lowercase=False))


def regressor() -> Trained:
    """Train a regressor on a table of numbers with names."""
    table, target = load_diabetes(return_X_y=True, as_frame=True)
    return estimator("regressor", GradientBoostingRegressor(n_estimators=30, random_state=0).fit(table, target), table)


def lightgbm_regressor() -> Trained:
    """Train a regressor of LightGBM."""
    rows, target = load_diabetes(return_X_y=True)
    return estimator("lightgbm-regressor", LGBMRegressor(n_estimators=20, verbose=-1, n_jobs=1).fit(rows, target), rows)


def several_values() -> Trained:
    """Train a regressor of three values."""
    rows, targets = load_linnerud(return_X_y=True)
    return estimator("several-values", LinearRegression().fit(rows, targets), rows)


def several_labels() -> Trained:
    """Train a classifier that gives two labels for each row."""
    targets = np.c_[IRIS.target, IRIS.data[:, 0] > 6]
    return estimator("several-labels", RandomForestClassifier(5, random_state=0).fit(IRIS.data, targets), IRIS.data)
