"""The converters of skl2onnx and onnxmltools that estimators need, with their faults mended."""

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx.common import _registration, shape_calculator, tree_ensemble
from sklearn.base import is_classifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)

from .forests import count_votes
from .graph import PackagingRefused
from .nodes import change_nodes

WHOLE = (np.integer, np.bool_, bool)
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
        run = _without_names(run) if library == "xgboost" else run
        for kind in ("Classifier", "Regressor"):
            shapes = getattr(shape_calculator, f"calculate_linear_{kind.lower()}_output_shapes")
            estimator = getattr(sys.modules[library], f"{prefix}{kind}")
            options = CLASSIFIER_OPTIONS if kind == "Classifier" else None
            alias = f"{library.capitalize()}{prefix}{kind}"
            update_registered_converter(estimator, alias, shapes, run, overwrite=True, options=options)


@cache
def _mend_converters() -> None:
    tree_ensemble.sklearn_threshold = _keep_infinite(tree_ensemble.sklearn_threshold)
    for estimator in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
        alias = f"Sklearn{estimator.__name__}"
        shapes, run = _registration.get_shape_calculator(alias), _registration.get_converter(alias)
        options = CLASSIFIER_OPTIONS if is_classifier(estimator()) else None
        update_registered_converter(
            estimator, alias, shapes, change_nodes(run, _add_plain), overwrite=True, options=options
        )
    for forest in (RandomForestClassifier, ExtraTreesClassifier):
        alias = f"Sklearn{forest.__name__}"
        run = _registration.get_converter(alias)
        options = run.get_allowed_options()
        _registration.register_converter(alias, count_votes(run), overwrite=True, options=options)


def _add_plain(_: Any, __: Any, ___: Any, add_node: Any, *given: Any, **attributes: Any) -> None:
    """Add a node with int for bool and for numpy's integers, which onnx refuses in a list."""
    for name, value in attributes.items():
        if isinstance(value, list):
            attributes[name] = [int(each) if isinstance(each, WHOLE) else each for each in value]
    add_node(*given, **attributes)


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


def _keep_infinite(adjust: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that adjusts a tree's threshold, except infinity, for which `adjust` never returns.

    A split between missing values and all others has an infinite threshold.
    """

    def adjust_finite(threshold: float, *kind: Any) -> Any:
        return threshold if np.isinf(threshold) else adjust(threshold, *kind)

    return adjust_finite
