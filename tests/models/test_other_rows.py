"""A model is refused if its graph differs from the trainer in rows that the given ones do not show."""

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, MaxAbsScaler, OneHotEncoder, OrdinalEncoder

from models.package.estimator import package_estimator
from models.package.graph import PackagingRefused

from ..web_single.conftest import serve

DRAW = np.random.default_rng(0)
NUMBERS = DRAW.normal(size=(300, 3)).round(2)
KINDS = (NUMBERS[:, 0] + NUMBERS[:, 1] > 0).astype(int)
TABLE = pd.DataFrame({"city": DRAW.choice(["Oslo", "Rome"], 300), "code": DRAW.choice([1, 2, 5], 300)})
TABLE["note"] = [" ".join(DRAW.choice(["good", "bad", "late"], 3)) for _ in range(300)]


def fitted(rows, *steps, kinds=KINDS):
    return make_pipeline(*steps).fit(rows, kinds)


def refusal(tmp_path, model, rows):
    """Return the line in which a model is refused."""
    with pytest.raises(PackagingRefused) as refused:
        package_estimator(model, rows, "net", models=tmp_path)
    assert [*tmp_path.iterdir()] == []
    return str(refused.value)


def test_numbers_far_from_the_rows_are_compared(tmp_path):
    model = fitted(NUMBERS, MaxAbsScaler(clip=True), LogisticRegression())
    assert "the trainer answers" in refusal(tmp_path, model, NUMBERS)


def test_zero_is_compared(tmp_path):
    rows = np.where(NUMBERS == 0, 0.01, NUMBERS)
    model = LGBMClassifier(n_estimators=20, verbose=-1, zero_as_missing=True).fit(rows, KINDS)
    assert "the trainer answers" in refusal(tmp_path, model, rows)


def test_numbers_of_few_digits_are_compared(tmp_path):
    rows = np.c_[np.linspace(0, 1, 400), np.linspace(0, 3, 400)]
    bins = KBinsDiscretizer(10, encode="ordinal", strategy="uniform")
    model = make_pipeline(bins, LogisticRegression()).fit(rows, np.arange(400) > 200)
    assert "the trainer answers" in refusal(tmp_path, model, rows)


@pytest.mark.parametrize(
    "model", [GradientBoostingClassifier(n_estimators=5), RandomForestClassifier(5, random_state=0)]
)
def test_a_matrix_takes_missing_numbers_in_each_column_or_in_none(tmp_path, model):
    rows = np.where((np.arange(300) % 5 == 0)[:, None] & (np.arange(3) == 0), np.nan, NUMBERS)
    filled = make_column_transformer((SimpleImputer(), [0]), remainder="passthrough")
    said = refusal(tmp_path, fitted(rows, filled, model), rows)
    assert said.startswith("column 1 of the matrix is not answered as by the trainer when its number is missing")
    assert said.endswith("give the rows as a DataFrame")


def test_each_column_of_a_table_takes_missing_numbers_or_none(tmp_path):
    rows = pd.DataFrame(np.where(np.arange(3) == 0, np.where(NUMBERS > 1, np.nan, NUMBERS), NUMBERS), columns=[*"abc"])
    filled = make_column_transformer((SimpleImputer(), ["a"]), remainder="passthrough")
    client = serve(package_estimator(fitted(rows, filled, LogisticRegression()), rows, "net", models=tmp_path).parent)
    assert client.post("/predict", json={"data": [[None, 1, 1]]}).status_code == 200
    assert client.post("/predict", json={"data": [[1, None, 1]]}).status_code == 422


@pytest.mark.parametrize("column", ["city", "code"])
def test_a_category_that_the_trainer_refuses_must_not_be_answered(tmp_path, column):
    rows = TABLE[[column]]
    said = refusal(tmp_path, fitted(rows, OrdinalEncoder(), HistGradientBoostingClassifier(max_iter=5)), rows)
    assert said.startswith("the trainer refuses")
    assert said.endswith("or OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1)")


@pytest.mark.parametrize(
    ("encoder", "status"),
    [(OneHotEncoder(), 422), (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), 200)],
)
@pytest.mark.parametrize(("column", "other"), [("city", "Bergen"), ("code", 3)])
def test_encoders_that_onnx_has_are_served(tmp_path, encoder, status, column, other):
    rows = TABLE[[column]]
    encode = make_column_transformer((encoder, [column]))
    client = serve(package_estimator(fitted(rows, encode, LogisticRegression()), rows, "net", models=tmp_path).parent)
    assert client.post("/predict", json={"data": [[other]]}).status_code == status


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OneHotEncoder(handle_unknown="ignore")])
def test_categories_in_a_matrix_of_fractions_are_refused(tmp_path, encoder):
    rows = np.c_[TABLE["code"].astype(float), NUMBERS[:, 0]]
    encode = make_column_transformer((encoder, [0]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(rows, TABLE["code"] == 2)
    assert "give a DataFrame with whole numbers or texts for categories" in refusal(tmp_path, model, rows)


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OneHotEncoder(handle_unknown="ignore")])
def test_texts_beside_categories_are_compared(tmp_path, encoder):
    steps = (CountVectorizer(lowercase=False), "note"), (encoder, ["city"])
    model = make_pipeline(make_column_transformer(*steps), LogisticRegression())
    said = refusal(tmp_path, model.fit(TABLE, TABLE["note"].str.contains("good")), TABLE)
    assert "is read differently by the graph than by the trainer" in said


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OneHotEncoder(handle_unknown="ignore")])
def test_numbers_in_a_category_column_of_pandas_are_compared(tmp_path, encoder):
    rows = pd.DataFrame({"code": TABLE["code"].astype(float).astype("category"), "x": NUMBERS[:, 0]})
    encode = make_column_transformer((encoder, ["code"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(rows, TABLE["code"] == 2)
    assert "give a DataFrame with whole numbers or texts for categories" in refusal(tmp_path, model, rows)


@pytest.mark.parametrize("pattern", [r"\S+", r"[^\s,]+", r"[a-zA-Z\d]+", r"(?u)\b\w\w+\b"])
def test_texts_of_each_label_are_compared_with_spaces_and_digits_of_other_scripts(tmp_path, pattern):
    texts = [" ".join(DRAW.choice(["good", "bad", "fine", "movie", "film", "plot"], 5)) for _ in range(150)]
    rows = np.array([*texts, *(f"{text} best" for text in texts)], object)
    vectorizer = CountVectorizer(lowercase=False, token_pattern=pattern)
    model = fitted(
        rows, vectorizer, LogisticRegression(l1_ratio=1, solver="liblinear", C=0.5), kinds=np.arange(300) > 149
    )
    assert "is read differently by the graph than by the trainer" in refusal(tmp_path, model, rows)


def test_texts_in_words_of_plain_letters_and_digits_are_served(tmp_path):
    vectorizer = CountVectorizer(lowercase=False, token_pattern="[a-zA-Z0-9_]+")
    model = fitted(TABLE["note"].tolist(), vectorizer, LogisticRegression())
    package_estimator(model, TABLE["note"].tolist(), "net", models=tmp_path)
