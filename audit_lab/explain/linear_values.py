"""Shapley values of models that only add their features up: exact, with one question for each feature and row.

Which models do is told from what they are made of, and never guessed from their outputs alone: a linear model of
scikit-learn, behind steps that each treat one column at a time. Whether the outputs add up is tested all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

__all__ = ["additive_values", "adds_up"]

_LINEAR = (
    *("ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "Lasso", "LassoCV"),
    *("LassoLars", "LinearDiscriminantAnalysis", "LinearRegression", "LinearSVC", "LinearSVR", "LogisticRegression"),
    *("LogisticRegressionCV", "OrthogonalMatchingPursuit", "PassiveAggressiveClassifier", "Perceptron"),
    *("QuantileRegressor", "Ridge", "RidgeCV", "RidgeClassifier", "RidgeClassifierCV", "SGDClassifier"),
    *("SGDRegressor", "TheilSenRegressor"),
)
#: Steps whose output columns each depend on one input column.
_COLUMN_BY_COLUMN = (
    *("Binarizer", "KBinsDiscretizer", "MaxAbsScaler", "MinMaxScaler", "MissingIndicator", "OneHotEncoder"),
    *("OrdinalEncoder", "PowerTransformer", "QuantileTransformer", "RobustScaler", "SimpleImputer"),
    *("SplineTransformer", "StandardScaler", "TargetEncoder", "VarianceThreshold"),
)
_OF_COLUMNS, _AFTER_ANOTHER, _SIDE_BY_SIDE = "ColumnTransformer", "Pipeline", "FeatureUnion"
_DEEPEST = 12
#: How far outputs may be from adding up: rounding of sums in float64.
_ROUNDING = 1e-9
#: Numbers that are handed to the model at once.
_MOST_CELLS = 4_000_000


def adds_up(estimator: Any) -> bool:
    """Return whether a fitted scikit-learn estimator's margin or value is a sum of one term for each column.

    It is where the last step is one of its linear models with one output, and all steps before treat each column alone.
    """
    *steps, last = _steps(estimator, 0)
    if _name(last) not in _LINEAR or not all(_column_by_column(step) for step in steps):
        return False
    weights = getattr(last, "coef_", None)
    return weights is not None and (np.ndim(weights) == 1 or np.shape(weights)[0] == 1)


def additive_values(
    scores: Callable[[Numbers], Numbers], reference: Numbers, own: Numbers
) -> tuple[Numbers, float] | None:
    """Return the values of one row against a background, and their base; None where the outputs do not add up.

    Of a sum, a feature's Shapley value is what the sum changes by when that feature alone takes the explained row's
    value, in the mean over the background (Lundberg & Lee, "A Unified Approach to Interpreting Model Predictions",
    2017, corollary 1). For each background row these changes are tested to lead from its output to the explained one.

    Parameters
    ----------
    scores
        The model: codes of shape ``(rows, features)`` to outputs of shape ``(rows,)``.
    reference, own
        Codes of the background, shape ``(rows, features)``, and of the explained row, shape ``(features,)``.
    """
    lows, high = scores(reference), float(scores(own[None])[0])
    which, features = np.nonzero(reference != own)
    gains = np.zeros(reference.shape)
    step = max(1, _MOST_CELLS // reference.shape[1])
    for start in range(0, len(which), step):
        rows, columns = which[start : start + step], features[start : start + step]
        changed = reference[rows]
        changed[np.arange(len(rows)), columns] = own[columns]
        gains[rows, columns] = scores(changed) - lows[rows]
    distance = np.abs(lows + gains.sum(axis=1) - high)
    if (distance > _ROUNDING * np.maximum(1.0, np.abs(gains).sum(axis=1) + np.abs(lows))).any():
        return None
    return gains.mean(axis=0), float(lows.mean())


def _steps(part: Any, depth: int) -> Iterator[Any]:
    """Yield what an estimator is made of, the last step last; what is nested too deep stands for itself."""
    name = _name(part)
    if depth <= _DEEPEST and name == _AFTER_ANOTHER:
        inner = [step for _, step in part.steps]
    elif depth <= _DEEPEST and name == _SIDE_BY_SIDE:
        inner = [step for _, step in part.transformer_list]
    elif depth <= _DEEPEST and name == _OF_COLUMNS:
        inner = [step for _, step, _ in part.transformers_]
    else:
        yield part
        return
    for step in inner:
        if not (step is None or (isinstance(step, str) and step in {"passthrough", "drop"})):
            yield from _steps(step, depth + 1)


def _column_by_column(step: Any) -> bool:
    # What is passed through stands in a fitted transformer of columns as a function transformer without a function.
    return _name(step) in _COLUMN_BY_COLUMN or (_name(step) == "FunctionTransformer" and step.func is None)


def _name(part: Any) -> str:
    """Return the name of a class of scikit-learn, and nothing for any other: one of the same name may do anything."""
    kind = type(part)
    return kind.__name__ if kind.__module__.partition(".")[0] == "sklearn" else ""
