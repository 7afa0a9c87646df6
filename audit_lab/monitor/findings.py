"""What the measures say about one column in one window, before any verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.bins import CategoryBins, NumericBins
from audit_lab.monitor.measures import (
    are_numbers,
    has_frozen,
    hellinger_distance,
    jensen_shannon_distance,
    kolmogorov_smirnov_of_cells,
    missing_rate_change,
    out_of_range_rate,
    population_stability_index,
    stability_index_noise,
    total_variation_distance,
    type_violation_rate,
    wasserstein_bounds,
    wasserstein_distance,
)
from audit_lab.monitor.violations import FROZEN, is_frozen_beyond_chance, new_category_share, violated

if TYPE_CHECKING:
    from audit_lab.monitor.compared import Compared
    from audit_lab.monitor.window_counts import WindowCounts

__all__ = ["MINIMUM_ROWS", "VANISHED_ROWS", "VANISHED_SHARE", "Finding", "measured", "vanished"]

#: Fewer rows than this, in the window or in the reference, give no verdict.
MINIMUM_ROWS = 50
#: Chance alone stays below the noise bound with this probability, per column and window.
NOISE_LEVEL = 0.999
#: A category can only be said to have vanished if the reference had this share of it ...
VANISHED_SHARE = 0.01
#: ... and this many rows of it were to be expected in the window: none by chance is then as rare as exp(-15).
VANISHED_ROWS = 15

_NEW_CATEGORIES_LISTED = 20


@dataclass(frozen=True)
class Finding:
    """What the measures say about one column in one window; a measure is None where it cannot be taken.

    The measures are those of :data:`audit_lab.monitor.measures.CATALOGUE`. `psi_noise` is the bound that the PSI of a
    window without drift stays below with probability 99.9 %; `p_value` belongs to `chi_square`, and `q_value` is it
    after Benjamini and Hochberg over all columns and windows; `exceeds` names the measures at or over their
    threshold; `violations` what no row of the reference did, in too many rows for chance.
    """

    reference_rows: int
    psi: float | None = None
    psi_noise: float | None = None
    js_distance: float | None = None
    hellinger: float | None = None
    total_variation: float | None = None
    ks: float | None = None
    ks_p_value: float | None = None
    wasserstein: float | None = None
    wasserstein_error: float | None = None
    wasserstein_scaled: float | None = None
    chi_square: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    missing_rate: float | None = None
    missing_change: float | None = None
    out_of_range: float | None = None
    type_violations: float | None = None
    frozen: bool = False
    new_share: float | None = None
    new_categories: tuple[str, ...] = ()
    vanished_categories: tuple[str, ...] = ()
    violations: tuple[str, ...] = ()
    exceeds: tuple[str, ...] = ()
    verdict: str = ""


def measured(counts: WindowCounts, window: int, against: Compared) -> Finding:
    """Measure one column in one window against the other side."""
    reference, seen = against.binned, counts.binned[window]
    rows = int(seen.sum())
    if not rows or not against.rows:
        return Finding(against.rows)
    statistic, p_value = _kolmogorov_smirnov(counts, window, against)
    distance, error = _wasserstein(counts, window, against)
    deviation = counts.bins.deviation if isinstance(counts.bins, NumericBins) else None
    moments = counts.moments_of(window)
    values = rows - int(seen[-1])
    kind, frozen = _type_violations(counts, window), _frozen(counts, window, against)
    new = new_category_share(counts.bins, seen, against)
    broken = violated(counts.bins, values, kind, new, rolling=against.rolling)
    if frozen and is_frozen_beyond_chance(counts.bins, values, against):
        broken = (FROZEN, *broken)
    return Finding(
        reference_rows=against.rows,
        psi=population_stability_index(reference, seen),
        psi_noise=stability_index_noise(int(((reference > 0) | (seen > 0)).sum()), against.rows, rows, NOISE_LEVEL),
        js_distance=jensen_shannon_distance(reference, seen),
        hellinger=hellinger_distance(reference, seen),
        total_variation=total_variation_distance(reference, seen),
        ks=statistic,
        ks_p_value=p_value,
        wasserstein=distance,
        wasserstein_error=error,
        wasserstein_scaled=distance / deviation if distance is not None and deviation else None,
        missing_rate=float(seen[-1] / rows),
        missing_change=missing_rate_change(int(reference[-1]), against.rows, int(seen[-1]), rows),
        out_of_range=out_of_range_rate(moments["below"], moments["above"], moments["values"]) if moments else None,
        type_violations=kind,
        frozen=frozen,
        new_share=new,
        new_categories=_new(counts, window, against),
        vanished_categories=vanished(counts, window, against),
        violations=broken,
    )


def vanished(counts: WindowCounts, window: int, against: Compared) -> tuple[str, ...]:
    """Return the categories that a window should have had at least 15 rows of, and has none of."""
    bins, seen = counts.bins, counts.binned[window]
    rows = int(seen.sum())
    if not isinstance(bins, CategoryBins) or min(rows, against.rows) < MINIMUM_ROWS:
        return ()
    shares = against.binned[: bins.named] / against.rows
    return tuple(
        category
        for category, share, found in zip(bins.categories, shares, seen, strict=False)
        if not found and share >= VANISHED_SHARE and share * rows >= VANISHED_ROWS
    )


def _kolmogorov_smirnov(counts: WindowCounts, window: int, against: Compared) -> tuple[float | None, float | None]:
    """Return statistic and p-value over the values that are not missing; None for text, or without any value."""
    if against.cumulated is None or not against.cumulated[-1]:
        return None, None
    here = counts.occurring(window)
    if here.is_empty():
        return None, None
    result = kolmogorov_smirnov_of_cells(against.cumulated, here["key"].to_numpy(), here["rows"].to_numpy())
    return result.statistic, result.p_value


def _wasserstein(counts: WindowCounts, window: int, against: Compared) -> tuple[float | None, float | None]:
    """Return the distance in the column's unit and how far the true one can lie from it."""
    bins = counts.bins
    if not isinstance(bins, NumericBins) or against.cumulated is None:
        return None, None
    if not against.rolling:
        moments = counts.moments_of(window)
        low, high = (moments["wasserstein_low"], moments["wasserstein_high"]) if moments else (None, None)
    else:
        low, high = _rolling_wasserstein(bins, counts, window, against)
    return (None, None) if low is None or high is None else ((low + high) / 2, (high - low) / 2)


def _rolling_wasserstein(
    bins: NumericBins, counts: WindowCounts, window: int, against: Compared
) -> tuple[float | None, float | None]:
    """Return the bounds between two sets of cells; the bins have every value of the log, or are marked."""
    here = counts.occurring(window)
    if against.cumulated is None or here.is_empty() or not against.cumulated[-1]:
        return None, None
    cells = np.zeros(against.cumulated.size, dtype=np.int64)
    cells[here["key"].to_numpy()] = here["rows"].to_numpy()
    if bins.marked:
        if not np.isfinite(bins.values).all():
            return None, None
        before, now = (np.append(upto[1::2], upto[-1]) for upto in (against.cumulated, np.cumsum(cells)))
        return wasserstein_bounds(bins.values, before, now)
    usual = np.isfinite(bins.values)
    rows = [np.diff(against.cumulated, prepend=0)[1::2][usual], cells[1::2][usual]]
    if not all(side.sum() for side in rows):
        return None, None
    exact = wasserstein_distance(bins.values[usual], bins.values[usual], *rows)
    return exact, exact


def _type_violations(counts: WindowCounts, window: int) -> float | None:
    """Return the share of values of another kind; None without values, or where the reference's kinds are mixed."""
    bins = counts.bins
    if isinstance(bins, NumericBins):
        moments = counts.moments_of(window)
        if moments is None or not bins.values.size:
            return None
        return type_violation_rate(moments["fractions"] if bins.whole else 0, moments["values"])
    values = int(counts.binned[window][:-1].sum())
    if bins.numbers is None or not values:
        return None
    if not counts.binned[window][bins.named + 1]:
        return 0.0  # every category is one of the reference's
    here = counts.occurring(window)
    others = here.filter(are_numbers(here["key"]) != bins.numbers)
    return type_violation_rate(int(others["rows"].sum()), values)


def _frozen(counts: WindowCounts, window: int, against: Compared) -> bool:
    """Say whether the column has one value throughout the window, missing ones aside, and had several before."""
    bins = counts.bins
    if isinstance(bins, NumericBins):
        moments = counts.moments_of(window)
        if moments is None or against.cumulated is None:
            return False
        distinct = 1 if moments["least"] == moments["greatest"] else 2
        return has_frozen(int((np.diff(against.cumulated) > 0).sum()), distinct, moments["values"], MINIMUM_ROWS)
    here = counts.occurring(window)
    before = int((against.binned[:-1] > 0).sum()) if against.rolling else bins.distinct
    return has_frozen(before, here.height, int(here["rows"].sum()), MINIMUM_ROWS)


def _new(counts: WindowCounts, window: int, against: Compared) -> tuple[str, ...]:
    """Return the categories that the other side does not have, most frequent first, at most 20."""
    bins, seen = counts.bins, counts.binned[window]
    if not isinstance(bins, CategoryBins):
        return ()
    if against.rolling:
        named = zip(bins.categories[: bins.named], against.binned, seen, strict=False)
        return tuple(name for name, before, now in named if now and not before)[:_NEW_CATEGORIES_LISTED]
    if not seen[bins.named + 1]:
        return ()
    here = counts.occurring(window).sort("rows", "key", descending=[True, False])
    return tuple(name for name in here["key"] if name not in bins.index)[:_NEW_CATEGORIES_LISTED]
