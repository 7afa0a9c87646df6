"""The credit log's explanations of record: what the system kept of why, for some denials of its second version."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from builder.artifacts import encode
from builder.invented import to_json

if TYPE_CHECKING:
    from builder.credit import Credit

__all__ = ["explanation_rows", "explanation_truth"]

_VERSION = "2.0.0"
#: Every so many denials by the score are explained; of these, the one at this place got those of the next.
_EVERY, _MIXED_UP = 8, 3
_DECIMALS = 6
_RECORDED_AFTER = timedelta(minutes=5)


def explanation_rows(credit: Credit) -> pl.DataFrame:
    """Return the table ``explanations``: XGBoost's own path-dependent SHAP values of the log-odds, rounded.

    One row holds the values of another applicant, as a job that writes them by position would mix them up.
    """
    rows = _explained(credit)
    values = _values(credit, rows)
    values[_MIXED_UP] = values[_MIXED_UP + 1]
    versions = to_json({"xgboost": version("xgboost-cpu")})
    return pl.DataFrame(
        [
            {
                "prediction_id": row["prediction_id"],
                "method": "shap",
                "values": to_json(dict(zip((each.name for each in credit.features), found[:-1], strict=True))),
                "base_value": found[-1],
                "versions": versions,
                "recorded_at": row["occurred_at"] + _RECORDED_AFTER,
            }
            for row, found in zip(rows.iter_rows(named=True), values, strict=True)
        ]
    )


def explanation_truth(credit: Credit) -> dict[str, Any]:
    """Return which explanation of record is another applicant's."""
    ids = _explained(credit)["prediction_id"].to_list()
    return {
        "log": "credit",
        "explanations_of_record": len(ids),
        "mixed_up": {"prediction_id": ids[_MIXED_UP], "holds_the_values_of": ids[_MIXED_UP + 1]},
    }


def _explained(credit: Credit) -> pl.DataFrame:
    by_score = (pl.col("decision") == "deny") & (pl.col("decision_rule") == "threshold")
    return credit.scored.filter((pl.col("version") == _VERSION) & by_score).gather_every(_EVERY)


def _values(credit: Credit, rows: pl.DataFrame) -> list[list[float]]:
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(credit.artifacts[_VERSION].content))
    names = [feature.name for feature in credit.features]
    matrix = xgboost.DMatrix(encode(rows, credit.features), feature_names=names, nthread=1)
    found = booster.predict(matrix, pred_contribs=True)
    return [[round(float(value), _DECIMALS) for value in row] for row in found]
