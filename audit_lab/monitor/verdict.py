"""The verdict on one column in one window: by effect size, and only beyond what chance alone would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.schema import TIME
from audit_lab.monitor.bins import CategoryBins, NumericBins
from audit_lab.monitor.measures import (
    jensen_shannon_distance,
    kolmogorov_smirnov_of_cells,
    population_stability_index,
    stability_index_noise,
)

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.monitor.window_counts import WindowCounts

__all__ = [
    "MAJOR",
    "MINIMUM_ROWS",
    "MODERATE",
    "STABLE",
    "TOO_FEW_ROWS",
    "VERDICT_RULE",
    "Finding",
    "finding_table",
    "judge",
    "vanished",
]

STABLE = "stable"
MODERATE = "moderate"
MAJOR = "major"
TOO_FEW_ROWS = "too few rows"

#: Siddiqi, *Credit Risk Scorecards* (2006): below 0.1 no significant change, above 0.25 a major one.
MODERATE_INDEX = 0.1
MAJOR_INDEX = 0.25
#: Chance alone stays below the noise bound with this probability, per column and window.
NOISE_LEVEL = 0.999
#: Fewer rows than this, in the window or in the reference, give no verdict.
MINIMUM_ROWS = 50

#: A category can only be said to have vanished if the reference had this share of it ...
VANISHED_SHARE = 0.01
#: ... and this many rows of it were to be expected in the window: none by chance is then as rare as exp(-10).
VANISHED_ROWS = 10

_NEW_CATEGORIES_LISTED = 20

_TABLE: dict[str, pl.DataType | type[pl.DataType]] = {
    "window_start": TIME,
    "window_end": TIME,
    "rows": pl.Int64,
    "column": pl.String,
    "kind": pl.String,
    "psi": pl.Float64,
    "psi_noise": pl.Float64,
    "js_distance": pl.Float64,
    "ks": pl.Float64,
    "ks_p_value": pl.Float64,
    "missing_rate": pl.Float64,
    "new_categories": pl.List(pl.String),
    "vanished_categories": pl.List(pl.String),
    "verdict": pl.String,
}

VERDICT_RULE = (
    f"moderate from a population stability index (PSI) of {MODERATE_INDEX}, major from {MAJOR_INDEX} (Siddiqi 2006), "
    f"and only where the PSI also exceeds what chance stays below in {NOISE_LEVEL:.1%} of windows without drift "
    f"(chi-square, Yurdakul 2018); at least moderate where a category vanished (share >= {VANISHED_SHARE:.0%} of the "
    f"reference, {VANISHED_ROWS} rows expected, none seen); no verdict under {MINIMUM_ROWS} rows"
)


@dataclass(frozen=True)
class Finding:
    """What the measures say about one column in one window; a measure is None where it cannot be taken.

    `psi_noise` is the bound that the PSI of a window without drift stays below with probability 99.9 %.
    """

    psi: float | None
    psi_noise: float | None
    js_distance: float | None
    ks: float | None
    ks_p_value: float | None
    missing_rate: float | None
    new_categories: tuple[str, ...]
    vanished_categories: tuple[str, ...]
    verdict: str


def judge(counts: WindowCounts, window: int) -> Finding:
    """Measure one column in one window against its reference, and give the verdict."""
    reference, seen = counts.bins.reference_counts, counts.binned[window]
    reference_rows, rows = int(reference.sum()), int(seen.sum())
    if not rows or not reference_rows:
        return Finding(None, None, None, None, None, None, (), (), TOO_FEW_ROWS)
    index = population_stability_index(reference, seen)
    noise = stability_index_noise(int(((reference > 0) | (seen > 0)).sum()), reference_rows, rows, NOISE_LEVEL)
    statistic, p_value = _kolmogorov_smirnov(counts, window)
    gone = vanished(counts, window)
    return Finding(
        psi=index,
        psi_noise=noise,
        js_distance=jensen_shannon_distance(reference, seen),
        ks=statistic,
        ks_p_value=p_value,
        missing_rate=float(seen[-1] / rows),
        new_categories=_new(counts, window),
        vanished_categories=gone,
        verdict=_verdict(index, noise, min(rows, reference_rows), category_vanished=bool(gone)),
    )


def vanished(counts: WindowCounts, window: int) -> tuple[str, ...]:
    """Return the categories that a window should have had at least 10 rows of, and has none of."""
    bins = counts.bins
    seen = counts.binned[window]
    rows, reference_rows = int(seen.sum()), int(bins.reference_counts.sum())
    if not isinstance(bins, CategoryBins) or min(rows, reference_rows) < MINIMUM_ROWS:
        return ()
    shares = bins.category_rows[: bins.named] / reference_rows
    return tuple(
        category
        for category, share, found in zip(bins.categories, shares, seen, strict=False)
        if not found and share >= VANISHED_SHARE and share * rows >= VANISHED_ROWS
    )


def finding_table(
    findings: dict[str, list[Finding]], kinds: dict[str, str], bounds: list[datetime], volume: list[int]
) -> pl.DataFrame:
    """Return one row for each window and column; `bounds` are the windows' starts and the end of the last."""
    rows = [
        {
            "window_start": bounds[window],
            "window_end": bounds[window + 1],
            "rows": volume[window],
            "column": column,
            "kind": kinds[column],
            **{name: getattr(found, name) for name in _TABLE if hasattr(found, name)},
        }
        for column, found_here in findings.items()
        for window, found in enumerate(found_here)
    ]
    return pl.DataFrame(rows, schema=_TABLE)


def _verdict(index: float, noise: float, rows: int, *, category_vanished: bool) -> str:
    if rows < MINIMUM_ROWS:
        return TOO_FEW_ROWS
    if index >= MAJOR_INDEX and index > noise:
        return MAJOR
    if category_vanished or (index >= MODERATE_INDEX and index > noise):
        return MODERATE
    return STABLE


def _kolmogorov_smirnov(counts: WindowCounts, window: int) -> tuple[float | None, float | None]:
    """Return statistic and p-value over the values that are not missing; None for text, or without any value."""
    bins = counts.bins
    if not isinstance(bins, NumericBins) or not bins.value_rows.sum():
        return None, None
    here = counts.occurring(window)
    if here.is_empty():
        return None, None
    result = kolmogorov_smirnov_of_cells(bins.cumulated_cells, here["key"].to_numpy(), here["rows"].to_numpy())
    return result.statistic, result.p_value


def _new(counts: WindowCounts, window: int) -> tuple[str, ...]:
    """Return the categories that the reference does not have, most frequent first, at most 20."""
    bins = counts.bins
    if not isinstance(bins, CategoryBins) or not counts.binned[window][bins.named + 1]:
        return ()
    here = counts.occurring(window).sort("rows", "key", descending=[True, False])
    return tuple(name for name in here["key"] if name not in bins.index)[:_NEW_CATEGORIES_LISTED]
