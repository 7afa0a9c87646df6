"""Compare what came out with the record, step by step: score, label, rule, decision, and what a person overrode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.replay.distance import same_bits, ulp_distance
from audit_lab.replay.verdict import STEPS, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audit_lab.replay.tolerance import Tolerance

__all__ = ["compared", "probability_lists"]

_NEAR = Verdict.WITHIN_TOLERANCE


def compared(rows: pl.DataFrame, kind: str, tolerance: Tolerance) -> pl.DataFrame:
    """Add ``verdict``, ``code``, ``distance``, ``ulps``, ``precision`` and what came out as ``replayed_...``.

    The first step at which replay and record part names the code; what was not recorded is not compared.

    Parameters
    ----------
    rows
        ``recorded_score``, ``recorded_probabilities``, ``recorded_label``, ``recorded_rule``, ``recorded_decision`` and
        ``score``, ``probabilities``, ``label``, ``decision_rule``, ``decision``.
    kind
        The kind of output. Of several classes the probabilities are compared where they were recorded, else the score;
        of a label alone nothing but the label.
    tolerance
        How far apart scores may be.
    """
    same, near, measured = _score_step(rows, kind, tolerance)
    steps: dict[str, pl.Expr] = {
        "score-differs": pl.lit(pl.Series(~(same | near))),
        "label-differs": _parted("recorded_label", "label"),
        "rule-differs": _parted("recorded_rule", "decision_rule"),
        "decision-differs": _parted("recorded_decision", "decision"),
    }
    code: pl.Expr = pl.when(pl.Series(same)).then(pl.lit("exact")).otherwise(pl.lit("within-tolerance"))
    verdict: pl.Expr = pl.when(pl.Series(same)).then(pl.lit(str(Verdict.EXACT))).otherwise(pl.lit(str(_NEAR)))
    for name in reversed(STEPS):
        parted = steps[f"{name}-differs"]
        code = pl.when(parted).then(pl.lit(f"{name}-differs")).otherwise(code)
        verdict = pl.when(parted).then(pl.lit(str(Verdict.DIVERGED))).otherwise(verdict)
    return rows.with_columns(
        *measured,
        code=code,
        verdict=verdict,
        replayed_score=pl.col("score"),
        replayed_probabilities=pl.col("probabilities"),
        replayed_label=pl.col("label"),
        replayed_rule=pl.col("decision_rule"),
        replayed_decision=pl.col("decision"),
    )


def probability_lists(rows: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return recorded and replayed probabilities, shape ``(rows, classes)``; None where none was recorded.

    A list of another length than the model's, or one that was not recorded, is all NaN.
    """
    replayed = rows["probabilities"]
    classes = replayed.list.len().max()
    if not isinstance(classes, int) or rows["recorded_probabilities"].null_count() == rows.height:
        return None
    fitting = pl.when(pl.col("recorded_probabilities").list.len() == classes).then("recorded_probabilities")
    nothing = pl.lit([float("nan")] * classes)
    recorded = rows.select(fitting.fill_null(nothing).alias("p"))["p"]
    both = [each.list.to_array(classes).to_numpy().astype(np.float64) for each in (recorded, replayed)]
    return both[0].reshape(-1, classes), both[1].reshape(-1, classes)


def _score_step(
    rows: pl.DataFrame, kind: str, tolerance: Tolerance
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], list[pl.Expr]]:
    """Return where the score has the same bits, where it is near enough, and the columns that measure it."""
    if kind == "label":
        nothing = np.ones(rows.height, dtype=bool)
        return nothing, nothing, _measures(*(pl.lit(None),) * 3)
    recorded, replayed = (rows[name].to_numpy().astype(np.float64) for name in ("recorded_score", "score"))
    lists = probability_lists(rows) if kind == "multiclass" else None
    has_list = ~np.isnan(lists[0]).all(axis=1) if lists is not None else np.zeros(rows.height, dtype=bool)
    same, near = _near(recorded, replayed, tolerance)
    distance, (ulps, narrow) = _apart(recorded, replayed), ulp_distance(recorded, replayed)
    if lists is not None and has_list.any():
        each_same, each_near = _near(*lists, tolerance)
        each_ulps, each_narrow = ulp_distance(*lists)
        same = np.where(has_list, each_same.all(axis=1), same)
        near = np.where(has_list, (each_same | each_near).all(axis=1), near)
        distance = np.where(has_list, _apart(*lists).max(axis=1), distance)
        narrow = np.where(has_list, each_narrow.all(axis=1), narrow)
        ulps = np.where(has_list, each_ulps.max(axis=1), ulps)
    unknown = rows["recorded_score"].null_count()
    measured = has_list | (rows["recorded_score"].is_not_null().to_numpy() if unknown else np.True_)
    if kind == "multiclass":
        same, near = same | ~measured, near | ~measured
    known = measured & ~np.isnan(distance)
    same_known = same & measured
    # Unequal infinities are as far apart as numbers can be; equal ones differ by NaN and are the same bits.
    distance = np.where(same, 0.0, distance)
    ulps = np.where(same, 0, ulps)
    precision = pl.when(pl.Series(narrow)).then(pl.lit("float32")).otherwise(pl.lit("float64"))
    has_measure = pl.lit(pl.Series(known | same_known))
    columns = (pl.lit(pl.Series(distance)), pl.lit(pl.Series(ulps)), precision)
    return same, near, _measures(*(pl.when(has_measure).then(column) for column in columns))


def _apart(recorded: NDArray[np.float64], replayed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return absolute differences; infinities of one sign are not apart in any way that has a number (NaN)."""
    with np.errstate(invalid="ignore"):
        return np.abs(recorded - replayed)


def _near(
    recorded: NDArray[np.float64], replayed: NDArray[np.float64], tolerance: Tolerance
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where values have the same bits, and where they have, or are near enough."""
    same = same_bits(recorded, replayed)
    near, others = same.copy(), ~same
    if others.any():
        stated, found = recorded[others], replayed[others]
        with np.errstate(invalid="ignore"):
            allowed = np.maximum(tolerance.absolute, tolerance.relative * np.abs(stated))
            near[others] = np.isfinite(stated) & (np.abs(stated - found) <= allowed)
    return same, near


def _measures(distance: pl.Expr, ulps: pl.Expr, precision: pl.Expr) -> list[pl.Expr]:
    return [
        distance.cast(pl.Float64).alias("distance"),
        ulps.cast(pl.UInt64).alias("ulps"),
        precision.cast(pl.String).alias("precision"),
    ]


def _parted(recorded: str, replayed: str) -> pl.Expr:
    """Where something was recorded and something else, or nothing, came out."""
    return pl.col(recorded).is_not_null() & pl.col(recorded).ne_missing(pl.col(replayed))
