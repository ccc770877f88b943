"""Fitted estimators of scikit-learn, LightGBM and XGBoost to ONNX."""

import sys
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import onnx
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common import _registration, shape_calculator, tree_ensemble
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.base import is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from .columns import JOINED, Columns, join_columns, name_inputs
from .graph import PackagingRefused, one_line

OPSETS = {"": 18, "ai.onnx.ml": 3}
WHOLE = (np.integer, np.bool_, bool)
CLASSIFIER_OPTIONS = {"nocl": [True, False], "zipmap": [True, False, "columns"], "raw_scores": [True, False]}
# Estimators that skl2onnx leaves to a converter of onnxmltools, which is used if the library has been imported.
CONVERTERS = {
    "lightgbm": ("LGBM", "onnxmltools.convert.lightgbm.operator_converters.LightGbm", "convert_lightgbm"),
    "xgboost": ("XGB", "onnxmltools.convert.xgboost.operator_converters.XGBoost", "convert_xgboost"),
}


def convert(model: Any, columns: Columns, classifier: bool) -> onnx.ModelProto:
    """Return the graph of a fitted estimator, with the inputs of `columns`, or raise `PackagingRefused`."""
    _register_converters()
    options: Any = {id(model): {"zipmap": False}} if classifier else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever the converter warns of, the graph's answers are checked
        try:
            return name_inputs(_to_onnx(model, columns.initial_types(), options), columns)
        except PackagingRefused as refusal:
            if len(columns.dtypes) == 1 or not set(columns.dtypes.values()) <= {"float32", "float64", "int64"}:
                raise refusal
            kind = DoubleTensorType if columns.joined == "float64" else FloatTensorType
            if kind is FloatTensorType:
                columns.check_whole_numbers()
            return join_columns(_to_onnx(model, [(JOINED, kind([None, len(columns.dtypes)]))], options), columns)


def _to_onnx(model: Any, types: Any, options: Any) -> onnx.ModelProto:
    try:
        graph: onnx.ModelProto = to_onnx(model, initial_types=types, options=options, target_opset=OPSETS)
    except Exception as error:
        fix = "use a step that it converts (skl2onnx.supported_converters()), or export the model to ONNX yourself"
        reason = f"{type(error).__name__}: {one_line(error)[:160]}"
        raise PackagingRefused(f"{type(model).__name__} cannot be converted ({reason}); {fix}") from error
    # The converter's order of domains varies from build to build.
    domains = sorted(graph.opset_import, key=lambda opset: opset.domain)
    del graph.opset_import[:]
    graph.opset_import.extend(domains)
    return graph


def _plain(convert: Callable[..., None]) -> Callable[..., None]:
    """Return a converter that writes int for bool and for numpy's integers, which onnx refuses in a list."""

    def with_plain_numbers(scope: Any, operator: Any, container: Any) -> None:
        add_node = container.add_node

        def add(*arguments: Any, **attributes: Any) -> None:
            for name, value in attributes.items():
                if isinstance(value, list):
                    attributes[name] = [int(each) if isinstance(each, WHOLE) else each for each in value]
            add_node(*arguments, **attributes)

        container.add_node = add
        try:
            convert(scope, operator, container)
        finally:
            del container.add_node

    return with_plain_numbers


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


@cache
def _mend_converters() -> None:
    tree_ensemble.sklearn_threshold = _keep_infinite(tree_ensemble.sklearn_threshold)
    for estimator in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
        alias = f"Sklearn{estimator.__name__}"
        shapes, run = _registration.get_shape_calculator(alias), _registration.get_converter(alias)
        options = CLASSIFIER_OPTIONS if is_classifier(estimator()) else None
        update_registered_converter(estimator, alias, shapes, _plain(run), overwrite=True, options=options)


def _register_converters() -> None:
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
