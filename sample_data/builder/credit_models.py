"""The credit-approval models: a scikit-learn pipeline and a booster, neither trained on anyone whom it scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from builder.artifacts import Artifact, Feature, booster_artifact, encode, pandas_frame, pipeline_artifact, score
from builder.delay_versions import area_under_curve
from builder.draws import uniform

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "BOOSTER_PARAMETERS",
    "PIPELINE_PARAMETERS",
    "credit_features",
    "cross_validated_auc",
    "train_booster",
    "train_pipeline",
]

PIPELINE_PARAMETERS: dict[str, Any] = {"C": 0.3, "max_iter": 500, "coefficients_rounded_to": 6}
BOOSTER_PARAMETERS: dict[str, Any] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 3,
    "learning_rate": 0.1,
    "min_child_weight": 5,
    "reg_lambda": 2.0,
    "num_boost_round": 60,
    "nthread": 1,
    "seed": 1994,
}

_DECIMALS = 6
_FOLDS = 5
_UNITS = {"duration_in_month": "month", "credit_amount": "Deutsche Mark", "age_in_years": "year"}
_NOT_FEATURES = {"row", "creditability"}


def credit_features(applicants: pl.DataFrame) -> tuple[Feature, ...]:
    """Return the 20 attributes of the public data set as features, in its order."""
    features = []
    for name in applicants.columns:
        if name in _NOT_FEATURES:
            continue
        column = applicants[name]
        text = column.dtype == pl.String
        categories = tuple(sorted(column.unique())) if text else None
        description = name.replace("_", " ")
        features.append(Feature(name, "str" if text else "int", description, _UNITS.get(name), categories))
    return tuple(features)


def train_pipeline(rows: pl.DataFrame, features: tuple[Feature, ...]) -> Artifact:
    """Train version 1.0.0: one-hot encoding, standardised numbers, logistic regression.

    The fitted numbers are rounded, so that the last bits of a processor's linear algebra do not reach the artifact.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    texts = [feature for feature in features if feature.categories is not None]
    numbers = [feature.name for feature in features if feature.categories is None]
    encoder = OneHotEncoder(categories=[list(feature.categories or ()) for feature in texts], handle_unknown="ignore")
    prepare = ColumnTransformer(
        [("encoded", encoder, [feature.name for feature in texts]), ("scaled", StandardScaler(), numbers)],
        sparse_threshold=1.0,
    )
    model = LogisticRegression(C=PIPELINE_PARAMETERS["C"], max_iter=PIPELINE_PARAMETERS["max_iter"])
    pipeline = Pipeline([("prepare", prepare), ("model", model)])
    pipeline.fit(pandas_frame(rows, features), _bad(rows))
    scaler = prepare.named_transformers_["scaled"]
    scaler.mean_ = np.round(scaler.mean_, _DECIMALS)
    scaler.scale_ = np.round(scaler.scale_, _DECIMALS)
    scaler.var_ = np.round(scaler.scale_**2, _DECIMALS)
    model.coef_ = np.round(model.coef_, _DECIMALS)
    model.intercept_ = np.round(model.intercept_, _DECIMALS)
    return pipeline_artifact(pipeline, "credit-approval-1.0.0")


def train_booster(rows: pl.DataFrame, features: tuple[Feature, ...]) -> Artifact:
    """Train version 2.0.0: gradient-boosted trees in XGBoost's own format."""
    import xgboost

    names = [feature.name for feature in features]
    matrix = xgboost.DMatrix(encode(rows, features), label=_bad(rows), feature_names=names, nthread=1)
    settings = dict(BOOSTER_PARAMETERS)
    booster = xgboost.train(settings, matrix, num_boost_round=settings.pop("num_boost_round"))
    return booster_artifact(booster, "credit-approval-2.0.0", "xgboost-json")


def cross_validated_auc(
    train: Callable[[pl.DataFrame, tuple[Feature, ...]], Artifact], rows: pl.DataFrame, features: tuple[Feature, ...]
) -> float:
    """Return the area under the ROC curve when each fold is scored by a model trained on the others."""
    fold = np.floor(uniform(rows["row"].to_numpy(), "cross-validation fold") * _FOLDS)
    scores = np.empty(rows.height)
    for held_out in range(_FOLDS):
        inside = fold == held_out
        artifact = train(rows.filter(pl.Series(~inside)), features)
        scores[inside] = score(artifact, rows.filter(pl.Series(inside)), features)
    return area_under_curve(_bad(rows).tolist(), scores.tolist())


def _bad(rows: pl.DataFrame) -> np.ndarray:
    """Return 1 for each applicant who turned out bad."""
    bad: np.ndarray = (rows["creditability"] == "bad").to_numpy().astype(np.int64)
    return bad
