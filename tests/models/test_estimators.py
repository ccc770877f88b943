"""Estimators of scikit-learn are served right or refused. `make estimators` tries all of them."""

import pytest

from models.gallery import estimators

RIGHT = ["BernoulliNB", "GaussianNB", "HistGradientBoostingClassifier", "LinearDiscriminantAnalysis", "Ridge", "SVR"]
REFUSED = {
    "CCA": "cannot be converted",
    "KNeighborsRegressor": "the trainer answers",
    "MultiOutputClassifier": "gives several labels for each row; package one classifier for each of them",
    "Perceptron": "has no probabilities; wrap it in CalibratedClassifierCV",
    "TunedThresholdClassifierCV": "does not predict the label with the highest probability; package the",
}


@pytest.fixture(scope="module")
def results():
    return estimators.survey([*RIGHT, *REFUSED])


@pytest.mark.parametrize("name", RIGHT)
def test_an_estimator_is_served_right(results, name):
    assert results[name] == "served right"


@pytest.mark.parametrize("name", REFUSED)
def test_an_estimator_that_cannot_be_served_right_is_refused(results, name):
    assert results[name].startswith("refused: ")
    assert REFUSED[name] in results[name]


def test_an_answer_that_differs_is_reported_as_wrong(monkeypatch, capsys):
    ask = estimators._ask
    monkeypatch.setattr(estimators, "_ask", lambda folder, rows: ask(folder, rows) + 1)
    assert estimators.main(["Ridge"]) == 1
    assert capsys.readouterr().out.startswith("Ridge                             WRONG: 1")
