"""A Parquet folder as another house writes it: none of our names, no inputs table, no registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from builder.artifacts import score
from builder.credit import THRESHOLDS, score_applicants

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_foreign"]

#: Their column to our attribute.
_THEIR_INPUTS = {
    "x_amt": "credit_amount",
    "x_months": "duration_in_month",
    "x_yrs": "age_in_years",
    "x_acct": "status_of_existing_checking_account",
    "x_goal": "purpose",
}
_HOUSING = "x_home"
_REVISIONS = {"r7": "1.0.0", "r8": "2.0.0"}
_FILES = (("scores_q1.parquet", 700), ("scores_q2.parquet", 700), ("scores_q3.parquet", 600))
_WITH_HOUSING = "scores_q3.parquet"


def write_foreign(folder: Path) -> None:
    """Write 2,000 rows in three files: each credit applicant as scored by both credit models.

    The third file has a column that the others lack. Some revisions are not stated, and the latest truths not known.
    """
    credit = score_applicants()
    applicants = credit.scored.select(pl.exclude("version", "score", "threshold", "label", "decision"))
    parts = [
        applicants.with_columns(
            pl.lit(revision).alias("algo_rev"),
            pl.Series("p_bad", score(credit.artifacts[version], applicants, credit.features)),
            pl.lit(THRESHOLDS[version]).alias("limit"),
        )
        for revision, version in _REVISIONS.items()
    ]
    rows = pl.concat(parts).sort("occurred_at", "row", "algo_rev").with_row_index("place")
    theirs = rows.select(
        (pl.lit("RQ") + (pl.col("place") + 500_001).cast(pl.String)).alias("req_no"),
        pl.col("occurred_at").dt.epoch("ms").alias("ts_epoch_ms"),
        pl.lit("kredit-ampel").alias("algo"),
        pl.when(pl.col("place") % 97 != 0).then("algo_rev").alias("algo_rev"),
        *(pl.col(ours).alias(name) for name, ours in _THEIR_INPUTS.items()),
        pl.col("housing").alias(_HOUSING),
        "p_bad",
        pl.when(pl.col("p_bad") >= pl.col("limit")).then(pl.lit("NO")).otherwise(pl.lit("YES")).alias("verdict"),
        pl.when(pl.col("place") < rows.height - 120)
        .then((pl.col("creditability") == "bad").cast(pl.Int64))
        .alias("truth"),
    )
    folder.mkdir(parents=True, exist_ok=True)
    start = 0
    for name, count in _FILES:
        part = theirs.slice(start, count)
        part = part if name == _WITH_HOUSING else part.drop(_HOUSING)
        part.write_parquet(folder / name, compression="zstd", compression_level=9)
        start += count
