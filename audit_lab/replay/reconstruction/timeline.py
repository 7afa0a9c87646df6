"""What happened to some decisions, in order of time: each decision, what was changed about it, and what came out."""

from __future__ import annotations

import polars as pl

from audit_lab.log.schema import TIME

__all__ = ["timeline_of"]

_SCHEMA = {
    "at": TIME,
    "what": pl.String(),
    "prediction_id": pl.String(),
    "model_name": pl.String(),
    "model_version": pl.String(),
    "told": pl.String(),
}
_ID = "prediction_id"


def timeline_of(frame: pl.DataFrame, overrides: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Return decisions, overrides and outcomes one below the other.

    Parameters
    ----------
    frame, overrides, outcomes
        As `audit_lab.replay.reconstruction.many.Reconstructions` has them.

    Returns
    -------
    pl.DataFrame
        ``at``, ``what`` (``decision``, ``outcome``, or the kind of an override), ``prediction_id``, ``model_name``,
        ``model_version`` and ``told`` (in words); in order of time, what has none first.
    """
    found = frame.filter("found").unique("place", keep="first", maintain_order=True)
    versions = found.select(_ID, "model_name", "model_version").unique(_ID, keep="first")
    erased = pl.col("gaps").list.contains("erased") | pl.col("gaps").list.contains("partly-erased")
    decided = pl.when(pl.col("decision").is_not_null()).then("decision").when(erased).then(pl.lit("erased"))
    parts = [
        found.select(
            pl.col("occurred_at").alias("at"),
            pl.lit("decision").alias("what"),
            _ID,
            "model_name",
            "model_version",
            decided.fill_null("no decision").alias("told"),
        ),
        overrides.join(versions, on=_ID, how="left").select(
            pl.col("recorded_at").alias("at"),
            pl.col("kind").fill_null("override").alias("what"),
            _ID,
            "model_name",
            "model_version",
            pl.format("{}{}: {}{}", _or("actor", "nobody named"), _role(), _change(), _corrected()).alias("told"),
        ),
        outcomes.join(versions, on=_ID, how="left").select(
            pl.coalesce("observed_at", "recorded_at").alias("at"),
            pl.lit("outcome").alias("what"),
            _ID,
            "model_name",
            "model_version",
            pl.format(
                "{}{}", pl.coalesce("label", pl.col("value").cast(pl.String), pl.lit("not stated")), _corrected()
            ).alias("told"),
        ),
    ]
    order = {"decision": 0, "outcome": 2}
    together = pl.concat([part.cast(_SCHEMA) for part in parts])  # type: ignore[arg-type]
    ranked = pl.col("what").replace_strict(order, default=1, return_dtype=pl.UInt8)
    return together.sort("at", ranked, _ID, maintain_order=True)


def _or(name: str, otherwise: str) -> pl.Expr:
    return pl.col(name).fill_null(otherwise)


def _role() -> pl.Expr:
    return pl.when(pl.col("role").is_not_null()).then(pl.format(" ({})", "role")).otherwise(pl.lit(""))


def _change() -> pl.Expr:
    before, after = pl.col("decision_before"), pl.col("decision_after")
    change = (
        pl.when(after.is_null() & before.is_null())
        .then(pl.lit("no decision stated"))
        .when(after.is_null())
        .then(pl.format("about {}", "decision_before"))
        .when(before == after)
        .then(pl.format("{} stands", "decision_after"))
        .otherwise(pl.format("{} to {}", _or("decision_before", "no decision"), "decision_after"))
    )
    reason = pl.when(pl.col("reason").is_not_null()).then(pl.format(" ({})", "reason")).otherwise(pl.lit(""))
    return pl.concat_str(change, reason)


def _corrected() -> pl.Expr:
    by = pl.col("corrected_by")
    return pl.when(by.is_not_null()).then(pl.format(", corrected by {}", by)).otherwise(pl.lit(""))
