"""The delay-risk models: a scorecard with published weights, and boosters trained on the flights known by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from builder.artifacts import Artifact, Feature, booster_artifact, encode, pandas_frame, pipeline_artifact

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

__all__ = ["CARRIERS", "FEATURES", "INTERCEPT", "SCALED_WEIGHTS", "WEIGHTS_BY_CARRIER", "scorecard", "train_booster"]

#: Published weights of version 1.0.0, in log-odds; set by judgement, not fitted to any flight.
INTERCEPT = -1.40
WEIGHTS_BY_CARRIER = {
    "AA": 0.00,
    "AS": -0.25,
    "B6": 0.10,
    "DL": -0.10,
    "EV": 0.05,
    "F9": 0.15,
    "HA": -0.45,
    "MQ": 0.10,
    "NK": 0.20,
    "OO": 0.00,
    "UA": 0.15,
    "US": -0.10,
    "VX": 0.00,
    "WN": 0.10,
}
#: Feature to (mean, scale, weight): each enters as weight x (value - mean) / scale.
SCALED_WEIGHTS = {
    "distance_miles": (800.0, 600.0, 0.02),
    "departure_hour": (13.0, 5.0, 0.05),
    "weekday": (4.0, 2.0, -0.02),
    "carrier_delay_rate_7d": (0.20, 0.08, 0.25),
    "carrier_mean_delay_7d": (9.0, 6.0, 0.10),
}

CARRIERS = tuple(WEIGHTS_BY_CARRIER)

FEATURES = (
    Feature("carrier", "str", "IATA code of the marketing carrier", categories=CARRIERS),
    Feature("distance_miles", "float", "distance between the two airports", "mile"),
    Feature("departure_hour", "int", "hour of the scheduled departure (invented)", "hour"),
    Feature("weekday", "int", "day of the week of the departure, Monday is 1"),
    Feature(
        "carrier_delay_rate_7d",
        "float",
        "share of the carrier's flights that were late, seven days ending two days before",
        "fraction",
    ),
    Feature(
        "carrier_mean_delay_7d",
        "float",
        "mean departure delay of the carrier's flights, seven days ending two days before",
        "minute",
    ),
)

_SHARED_PARAMETERS = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "learning_rate": 0.1,
    "min_child_weight": 50,
    "reg_lambda": 2.0,
    "nthread": 1,
    "seed": 2015,
}


def scorecard() -> Artifact:
    """Return version 1.0.0: a scikit-learn pipeline whose coefficients are the published weights.

    The pipeline is fitted to two rows only so that it has its fitted attributes, which are then set.
    """
    import polars as pl
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    means, scales, weights = (np.array(column) for column in zip(*SCALED_WEIGHTS.values(), strict=True))
    # A sparse matrix keeps the dot product out of BLAS, whose kernels differ between processors.
    prepare = ColumnTransformer(
        [
            ("carrier", OneHotEncoder(categories=[list(CARRIERS)], handle_unknown="ignore"), ["carrier"]),
            ("scaled", StandardScaler(), list(SCALED_WEIGHTS)),
        ],
        sparse_threshold=1.0,
    )
    pipeline = Pipeline([("prepare", prepare), ("score", LogisticRegression())])
    numbers = {name: np.array([mean - scale, mean + scale]) for name, (mean, scale, _) in SCALED_WEIGHTS.items()}
    rows = pl.DataFrame({"carrier": ["AA", "WN"], **numbers})
    pipeline.fit(pandas_frame(rows, FEATURES), np.array([0, 1]))
    scaler = prepare.named_transformers_["scaled"]
    scaler.mean_, scaler.scale_, scaler.var_ = means, scales, scales**2
    model = pipeline.named_steps["score"]
    model.coef_ = np.concatenate([np.array(list(WEIGHTS_BY_CARRIER.values())), weights]).reshape(1, -1)
    model.intercept_ = np.array([INTERCEPT])
    return pipeline_artifact(pipeline, "delay-risk-1.0.0")


def train_booster(rows: pl.DataFrame, parameters: Mapping[str, Any], name: str, artifact_format: str) -> Artifact:
    """Train a booster on flights and save it.

    Parameters
    ----------
    rows
        Flights with the columns of `FEATURES` and ``late``.
    parameters
        ``num_boost_round`` and any parameter of XGBoost.
    name, artifact_format
        Of the artifact.
    """
    import xgboost

    names = [feature.name for feature in FEATURES]
    matrix = xgboost.DMatrix(encode(rows, FEATURES), label=rows["late"].to_numpy(), feature_names=names, nthread=1)
    settings = {**_SHARED_PARAMETERS, **parameters}
    rounds = settings.pop("num_boost_round")
    return booster_artifact(xgboost.train(settings, matrix, num_boost_round=rounds), name, artifact_format)
