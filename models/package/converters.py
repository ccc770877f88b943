"""The converters of skl2onnx and onnxmltools that estimators need, with their faults mended."""

import sys
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Any

from skl2onnx import update_registered_converter
from skl2onnx.common import _registration, shape_calculator, tree_ensemble
from skl2onnx.operator_converters import random_forest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from .forests import count_votes
from .graph import PackagingRefused
from .imputer import add_imputer
from .nodes import change_nodes
from .trees import (
    TENSORS,
    Convert,
    add_lightgbm,
    add_plain,
    in_float32,
    in_float64,
    keep_infinite,
    with_threshold_as_sent,
)

HIST_GRADIENT_BOOSTING = {
    HistGradientBoostingClassifier: random_forest.convert_sklearn_random_forest_classifier,
    HistGradientBoostingRegressor: random_forest.convert_sklearn_random_forest_regressor_converter,
}
VOTING = (RandomForestClassifier, ExtraTreesClassifier)
SINGLE = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
SUMS = (RandomForestRegressor, ExtraTreesRegressor, GradientBoostingClassifier, GradientBoostingRegressor)
CLASSIFIER_OPTIONS = {"nocl": [True, False], "zipmap": [True, False, "columns"], "raw_scores": [True, False]}
# Estimators that skl2onnx leaves to a converter of onnxmltools, which is used if the library has been imported.
CONVERTERS = {
    "lightgbm": ("LGBM", "onnxmltools.convert.lightgbm.operator_converters.LightGbm", "convert_lightgbm"),
    "xgboost": ("XGB", "onnxmltools.convert.xgboost.operator_converters.XGBoost", "convert_xgboost"),
}


def register_converters() -> None:
    """Register the mended converters, and those of LightGBM and XGBoost if they have been imported."""
    _mend_converters()
    for library, (prefix, module, function) in CONVERTERS.items():
        if library not in sys.modules:
            continue
        try:
            run: Callable[..., None] = getattr(import_module(module), function)
        except ImportError as error:
            raise PackagingRefused(f"{library} needs the converters of onnxmltools ({error}); install it") from error
        run = in_float32(_without_names(run)) if library == "xgboost" else in_float64(change_nodes(run, add_lightgbm))
        for kind in ("Classifier", "Regressor"):
            shapes = getattr(shape_calculator, f"calculate_linear_{kind.lower()}_output_shapes")
            estimator = getattr(sys.modules[library], f"{prefix}{kind}")
            options = CLASSIFIER_OPTIONS if kind == "Classifier" else None
            alias = f"{library.capitalize()}{prefix}{kind}"
            update_registered_converter(estimator, alias, shapes, run, overwrite=True, options=options)


@cache
def _mend_converters() -> None:
    tree_ensemble.sklearn_threshold = keep_infinite(tree_ensemble.sklearn_threshold)
    tree_ensemble.add_node = with_threshold_as_sent(tree_ensemble.add_node)
    for estimator, run in HIST_GRADIENT_BOOSTING.items():
        _replace(estimator, in_float64(change_nodes(partial(run, op_version=TENSORS), add_plain)))
    _replace(SimpleImputer, change_nodes(_registration.get_converter("SklearnSimpleImputer"), add_imputer))
    for estimator in (*SINGLE, *VOTING, *SUMS):
        run = _registration.get_converter(f"Sklearn{estimator.__name__}")
        _replace(estimator, in_float32(count_votes(run) if estimator in VOTING else run))


def _replace(estimator: type, converter: Convert) -> None:
    alias = f"Sklearn{estimator.__name__}"
    options = _registration.get_converter(alias).get_allowed_options()
    _registration.register_converter(alias, converter, overwrite=True, options=options)


def _without_names(convert: Callable[..., None]) -> Callable[..., None]:
    """Return a converter of XGBoost that takes features of any name: its own takes only f0, f1 and so on."""

    def with_numbers(scope: Any, operator: Any, container: Any) -> None:
        booster = operator.raw_operator.get_booster()
        names, booster.feature_names = booster.feature_names, None
        try:
            convert(scope, operator, container)
        finally:
            booster.feature_names = names

    return with_numbers
