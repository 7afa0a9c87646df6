"""The credit log's applicants: invented times, the version that scored each, the decision and the overrides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from builder.artifacts import Artifact, Feature, score
from builder.credit_models import credit_features, train_booster, train_pipeline
from builder.draws import uniform, uuid7
from builder.sources import read_applicants

__all__ = [
    "CREDIT_MODEL",
    "ENDPOINT",
    "RULE",
    "SECOND_CUTOFF",
    "SECOND_FROM",
    "THRESHOLDS",
    "Credit",
    "credit_tables",
    "score_applicants",
]

CREDIT_MODEL = "credit-approval"
THRESHOLDS = {"1.0.0": 0.45, "2.0.0": 0.5}
SECOND_FROM = datetime(2025, 9, 1, 8, 0, tzinfo=UTC)
SECOND_CUTOFF = datetime(2025, 8, 18, tzinfo=UTC)
ENDPOINT = "/v1/credit-approval"

RULE = {"name": "amount-over-12000", "when": "inputs.credit_amount > 12000", "decision": "deny"}
_RULE_LIMIT = 12_000
_FIRST_WORKDAY = date(2025, 1, 2)
_LAST_DAY = date(2025, 12, 31)
_RECORDED_AFTER = timedelta(seconds=1)
_APPLICANTS = 1000
_FRIDAY = 5


@dataclass(frozen=True)
class Credit:
    """The applicants as scored, what each version was trained on, and the two artifacts."""

    scored: pl.DataFrame
    features: tuple[Feature, ...]
    training_rows: dict[str, pl.DataFrame]
    artifacts: dict[str, Artifact]


def score_applicants() -> Credit:
    """Give each applicant an invented time and score each with the version in force then.

    Version 1.0.0 is trained on the applicants whom 2.0.0 will score, and 2.0.0 on those of 1.0.0 whose outcomes were
    known at its cutoff: neither scores anyone whom it was trained on.
    """
    applicants = read_applicants()
    features = credit_features(applicants)
    timed = _with_times(applicants)
    first, second = (timed.filter(~_by_second()), timed.filter(_by_second()))
    training_rows = {"1.0.0": second, "2.0.0": first.filter(pl.col("observed_at") < SECOND_CUTOFF)}
    artifacts = {
        "1.0.0": train_pipeline(training_rows["1.0.0"], features),
        "2.0.0": train_booster(training_rows["2.0.0"], features),
    }
    parts = [
        rows.with_columns(
            pl.lit(version).alias("version"),
            pl.Series("score", score(artifacts[version], rows, features)),
            pl.lit(THRESHOLDS[version]).alias("threshold"),
        )
        for version, rows in (("1.0.0", first), ("2.0.0", second))
    ]
    scored = pl.concat(parts).sort("occurred_at", "row")
    texts = [f"{CREDIT_MODEL}:{row}" for row in scored["row"]]
    ids = pl.Series("prediction_id", uuid7(scored["occurred_at"].to_list(), texts))
    return Credit(_with_decisions(scored.with_columns(ids)), features, training_rows, artifacts)


def _by_second() -> pl.Expr:
    return pl.col("occurred_at") >= SECOND_FROM


def _with_times(applicants: pl.DataFrame) -> pl.DataFrame:
    """Spread the applicants over the working days of 2025, in an order that has nothing to do with them."""
    rows = applicants["row"].to_numpy()
    days = (_LAST_DAY - _FIRST_WORKDAY).days + 1
    workdays = [day for day in (_FIRST_WORKDAY + timedelta(days=n) for n in range(days)) if day.isoweekday() <= _FRIDAY]
    place = np.argsort(np.argsort(uniform(rows, "order of arrival"), kind="stable"), kind="stable")
    day = [workdays[int(position) * len(workdays) // _APPLICANTS] for position in place]
    milliseconds = 9 * 3_600_000 + np.floor(uniform(rows, "time of day") * 8 * 3_600_000).astype(np.int64)
    months_later = 60 + np.floor(uniform(rows, "days to outcome") * 61).astype(np.int64)
    occurred_at = pl.Series("day", day).cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + pl.Series(
        "ms", milliseconds
    ).cast(pl.Duration("ms")).cast(pl.Duration("us"))
    observed_on = pl.Series("day", day).cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + pl.Series(
        "later", months_later * 86_400_000
    ).cast(pl.Duration("ms")).cast(pl.Duration("us"))
    timed = applicants.with_columns(occurred_at.alias("occurred_at"), observed_on.alias("observed_at"))
    return timed.sort("occurred_at", "row")


def _with_decisions(scored: pl.DataFrame) -> pl.DataFrame:
    bad = pl.col("score") >= pl.col("threshold")
    over = pl.col("credit_amount") > _RULE_LIMIT
    return scored.with_columns(
        pl.when(bad).then(pl.lit("bad")).otherwise(pl.lit("good")).alias("label"),
        pl.when(over | bad).then(pl.lit("deny")).otherwise(pl.lit("approve")).alias("decision"),
        pl.when(over).then(pl.lit(RULE["name"])).otherwise(pl.lit("threshold")).alias("decision_rule"),
        (pl.col("occurred_at") + _RECORDED_AFTER).alias("recorded_at"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("sequence"),
    )


def credit_tables(credit: Credit) -> dict[str, pl.DataFrame]:
    """Return the tables ``predictions``, ``inputs/credit-approval``, ``outcomes`` and ``overrides``."""
    scored = credit.scored
    latency = np.round(20.0 + 15.0 * uniform(scored["row"].to_numpy(), "credit latency"), 1)
    predictions = scored.select(
        "prediction_id",
        "occurred_at",
        pl.lit(CREDIT_MODEL).alias("model_name"),
        pl.col("version").alias("model_version"),
        (pl.lit("applicant-") + ((pl.col("row") * 3_571 + 17) % 9_973).cast(pl.String).str.zfill(4)).alias(
            "subject_id"
        ),
        pl.struct("score", "label").alias("outputs"),
        "threshold",
        "decision",
        "decision_rule",
        pl.lit("production").alias("environment"),
        pl.lit(ENDPOINT).alias("endpoint"),
        pl.lit("credit-node-1").alias("node"),
        pl.lit("ntp").alias("clock_source"),
        pl.Series("latency_ms", latency),
        pl.lit("high").alias("risk_tier"),
        pl.lit("every prediction").alias("sampling_rule"),
        pl.lit(1.0).alias("sampling_rate"),
        "sequence",
        pl.lit("credit-writer").alias("writer_id"),
        "recorded_at",
    )
    outcomes = scored.sort("observed_at", "row").select(
        "prediction_id",
        "observed_at",
        pl.col("creditability").alias("label"),
        pl.lit("statlog-german-credit").alias("source"),
        pl.col("observed_at").alias("recorded_at"),
    )
    inputs = scored.select("prediction_id", "recorded_at", *(feature.name for feature in credit.features))
    overrides = pl.DataFrame(_override_rows(scored)).sort("recorded_at")
    return {"predictions": predictions, f"inputs/{CREDIT_MODEL}": inputs, "outcomes": outcomes, "overrides": overrides}


def _override_rows(scored: pl.DataFrame) -> list[dict[str, Any]]:
    """Return what people changed: the closest calls on either side, two over the amount limit, and one contest."""
    margin = pl.col("score") - pl.col("threshold")
    by_score = scored.filter(pl.col("decision_rule") == "threshold")
    denied = by_score.filter(pl.col("decision") == "deny").sort(margin, "row").head(4)
    approved = by_score.filter(pl.col("decision") == "approve").sort(margin, "row", descending=True).head(2)
    over = scored.filter((pl.col("decision_rule") == RULE["name"]) & (pl.col("label") == "good")).sort("score", "row")
    officer, head = ("nadia.osei", "credit officer"), ("henrik.lund", "head of credit")
    rows = [_override(row, officer, "second income shown after the score", "approve") for row in _dicts(denied)]
    rows += [_override(row, officer, "documents for the stated employment missing", "deny") for row in _dicts(approved)]
    rows += [_override(row, head, "amount secured by property", "approve") for row in _dicts(over.head(2))]
    contested = by_score.filter(pl.col("decision") == "deny").sort(margin, "row", descending=True).row(0, named=True)
    contest = _override(
        contested, ("applicant", "subject"), "asks why, and states that the savings were left out", None
    )
    answer = _override(contested, head, "checked again with the savings: the decision stands", "deny")
    later = answer["recorded_at"] + timedelta(days=9)
    return [*rows, {**contest, "kind": "contest"}, {**answer, "kind": "contest answer", "recorded_at": later}]


def _dicts(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return list(frame.iter_rows(named=True))


def _override(row: dict[str, Any], who: tuple[str, str], reason: str, after: str | None) -> dict[str, Any]:
    return {
        "prediction_id": row["prediction_id"],
        "kind": "override",
        "actor": who[0],
        "role": who[1],
        "reason": reason,
        "rule": row["decision_rule"],
        "decision_before": row["decision"],
        "decision_after": after,
        "recorded_at": row["occurred_at"] + timedelta(days=1, hours=2),
    }
