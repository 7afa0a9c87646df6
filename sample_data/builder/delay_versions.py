"""Every version of the delay-risk model that served traffic: its artifact, threshold, cutoff and backtest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from builder.artifacts import Artifact, score
from builder.delay_models import FEATURES, scorecard, train_booster
from builder.faults import day_start

if TYPE_CHECKING:
    from builder.faults import FaultPlan

__all__ = [
    "CANARY",
    "HOTFIX",
    "PRIMARY",
    "DelayVersion",
    "area_under_curve",
    "auc_by_month",
    "delay_versions",
    "overwritten_canary",
]

#: When each version takes over the primary slot; the last one is the rollback.
PRIMARY = (
    (datetime(2015, 1, 1, tzinfo=UTC), "1.0.0"),
    (datetime(2015, 4, 1, tzinfo=UTC), "2.0.0"),
    (datetime(2015, 6, 15, 8, 0, tzinfo=UTC), "3.0.0"),
    (datetime(2015, 8, 12, 10, 30, tzinfo=UTC), "2.0.0"),
)
HOTFIX = "2.0.1"
CANARY = "4.0.0-rc.1"

#: From the last flight that a version is trained on to its cutoff: that flight's outcome comes a day after it left.
_OUTCOMES_KNOWN = timedelta(days=2)
_ROUNDS = 40


@dataclass(frozen=True)
class DelayVersion:
    """One version: what it was trained on, what came out, and where it decides."""

    version: str
    artifact: Artifact
    threshold: float
    training_cutoff: datetime | None
    trained_until: date | None
    sample_size: int
    parameters: dict[str, Any]
    backtest: dict[str, float]
    changelog: str

    def scores(self, frame: pl.DataFrame) -> pl.Series:
        """Score flights with the saved artifact."""
        return pl.Series("score", score(self.artifact, frame, FEATURES))


@dataclass(frozen=True)
class _Recipe:
    """What makes a trained version what it is."""

    version: str
    trained_until: date
    threshold: float
    artifact_format: str
    max_depth: int
    changelog: str


def delay_versions(flights: pl.DataFrame) -> dict[str, DelayVersion]:
    """Make every version that served traffic, the canary as it was when it was registered.

    Parameters
    ----------
    flights
        All flights with features in their true units, as :func:`builder.flights.scored_flights` gives them.
    """
    published = scorecard()
    first = DelayVersion(
        "1.0.0",
        published,
        threshold=0.26,
        training_cutoff=None,
        trained_until=None,
        sample_size=0,
        parameters={"method": "weights set by judgement and published; nothing was fitted"},
        backtest={},
        changelog="First version: a logistic scorecard with published weights.",
    )
    recipes = (
        _Recipe("2.0.0", date(2015, 3, 29), 0.22, "xgboost-ubj", 3, "Gradient-boosted trees replace the scorecard."),
        _Recipe("3.0.0", date(2015, 5, 31), 0.24, "xgboost-json", 3, "Retrained with April and May."),
        _Recipe(HOTFIX, date(2015, 3, 29), 0.22, "xgboost-ubj", 2, "Shallower trees."),
        _Recipe(CANARY, date(2015, 8, 31), 0.23, "xgboost-ubj", 3, "Retrained with June to August."),
    )
    trained = [_trained(flights, recipe) for recipe in recipes]
    return {version.version: version for version in (first, *trained)}


def overwritten_canary(flights: pl.DataFrame, plan: FaultPlan) -> DelayVersion:
    """Return what a later retraining wrote over the canary's artifact, in the week after the canary ended."""
    until = plan.canary_from + timedelta(days=plan.canary_days)
    return _trained(flights, _Recipe(CANARY, until, 0.23, "xgboost-ubj", 3, "Retrained with newer flights."))


def auc_by_month(scored: pl.DataFrame) -> dict[str, float]:
    """Return the area under the ROC curve by month of flight, from columns ``date``, ``score`` and ``late``."""
    months = scored.group_by(pl.col("date").dt.strftime("%Y-%m").alias("month"), maintain_order=True).agg(
        "score", "late"
    )
    return {
        month: area_under_curve(late, scores)
        for month, scores, late in sorted(months.iter_rows(), key=lambda row: row[0])
    }


def area_under_curve(late: list[bool], scores: list[float]) -> float:
    """Return the area under the ROC curve, to three decimals."""
    from sklearn.metrics import roc_auc_score

    return round(float(roc_auc_score(late, scores)), 3)


def _trained(flights: pl.DataFrame, recipe: _Recipe) -> DelayVersion:
    """Train a version on all flights up to a day, known by the cutoff two days later."""
    rows = flights.filter(pl.col("date") <= recipe.trained_until)
    parameters = {"max_depth": recipe.max_depth, "num_boost_round": _ROUNDS}
    return DelayVersion(
        recipe.version,
        train_booster(rows, parameters, f"delay-risk-{recipe.version}", recipe.artifact_format),
        recipe.threshold,
        training_cutoff=day_start(recipe.trained_until + _OUTCOMES_KNOWN),
        trained_until=recipe.trained_until,
        sample_size=rows.height,
        parameters=parameters,
        backtest=_backtest(rows, parameters),
        changelog=recipe.changelog,
    )


def _backtest(rows: pl.DataFrame, parameters: dict[str, Any]) -> dict[str, float]:
    """Return the AUC of each month but the first, by a booster trained on what was known when the month began."""
    scored = []
    for month in sorted(rows["date"].dt.truncate("1mo").unique())[1:]:
        known = rows.filter(pl.col("date") <= month - _OUTCOMES_KNOWN)
        later = rows.filter(pl.col("date").dt.truncate("1mo") == month)
        booster = train_booster(known, parameters, "backtest", "xgboost-ubj")
        scored.append(later.select("date", "late", pl.Series("score", score(booster, later, FEATURES))))
    return auc_by_month(pl.concat(scored)) if scored else {}
