"""The verdict on one column in one window: by effect size, and only beyond what chance alone would do."""

from __future__ import annotations

from dataclasses import fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.log.schema import TIME
from audit_lab.monitor.compared import compared
from audit_lab.monitor.discovery import adjusted
from audit_lab.monitor.findings import MINIMUM_ROWS, VANISHED_ROWS, VANISHED_SHARE, Finding, measured
from audit_lab.monitor.measures import CATALOGUE
from audit_lab.monitor.significance import alike, significance
from audit_lab.monitor.violations import FROZEN, KIND, NEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.monitor.calibration import Calibration
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.window_counts import WindowCounts

__all__ = [
    "MAJOR",
    "MODERATE",
    "SEVERITIES",
    "SLIGHT",
    "STABLE",
    "TOO_FEW_ROWS",
    "VERDICT_RULE",
    "finding_table",
    "judged",
    "measured_windows",
]

STABLE = "stable"
SLIGHT = "slight"
MODERATE = "moderate"
MAJOR = "major"
TOO_FEW_ROWS = "too few rows"

#: From the least to the most severe; the first is no alert.
SEVERITIES = (STABLE, SLIGHT, MODERATE, MAJOR)

#: Of which values a violation tells, as a share.
_BROKEN = {KIND: attrgetter("type_violations"), NEW: attrgetter("new_share")}
_HALF = 0.5

_INDEX = next(measure for measure in CATALOGUE if measure.name == "psi")
_THRESHOLDS = {measure.name: measure.moderate for measure in CATALOGUE if measure.moderate is not None}

_TABLE: dict[str, pl.DataType | type[pl.DataType]] = {
    "window": pl.String,
    "window_start": TIME,
    "window_end": TIME,
    "rows": pl.Int64,
    "reference_rows": pl.Int64,
    "column": pl.String,
    "kind": pl.String,
    "psi": pl.Float64,
    "psi_noise": pl.Float64,
    "js_distance": pl.Float64,
    "hellinger": pl.Float64,
    "total_variation": pl.Float64,
    "ks": pl.Float64,
    "ks_p_value": pl.Float64,
    "wasserstein": pl.Float64,
    "wasserstein_error": pl.Float64,
    "wasserstein_scaled": pl.Float64,
    "chi_square": pl.Float64,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
    "missing_rate": pl.Float64,
    "missing_change": pl.Float64,
    "out_of_range": pl.Float64,
    "type_violations": pl.Float64,
    "frozen": pl.Boolean,
    "new_share": pl.Float64,
    "new_categories": pl.List(pl.String),
    "vanished_categories": pl.List(pl.String),
    "violations": pl.List(pl.String),
    "exceeds": pl.List(pl.String),
    "verdict": pl.String,
}

VERDICT_RULE = (
    f"an alert only beyond chance: the chi-squared test's p-value, after Benjamini and Hochberg over all columns and "
    f"windows, below a level calibrated by resampling the reference so that a question about rows without drift raises "
    f"any alert as often as stated; then by effect size: moderate from a population stability index (PSI) of "
    f"{_INDEX.moderate}, major from {_INDEX.major} ({_INDEX.threshold_source}), slight below; at least moderate where "
    f"a category vanished (share >= {VANISHED_SHARE:.0%} of the reference, {VANISHED_ROWS} rows expected, none seen), "
    f"or where too many rows for chance do what none of the reference does: {KIND}, {NEW}, {FROZEN}; major where half "
    f"of the values do; no verdict under {MINIMUM_ROWS} rows"
)


def measured_windows(counts: Sequence[WindowCounts], rolling: int | None) -> dict[str, list[Finding]]:
    """Measure each column in every window, with the chi-squared test and its p-value."""
    found, references = {}, []
    for one in counts:
        sides = [compared(one, window, rolling) for window in range(one.binned.shape[0])]
        found[one.bins.column] = [measured(one, window, side) for window, side in enumerate(sides)]
        references.append(np.array([side.binned for side in sides], dtype=np.float64))
    bins = [one.bins for one in counts]
    for places in alike(bins, counts[0].binned.shape[0] if counts else 0):
        against = np.stack([references[place] for place in places])
        seen = np.stack([counts[place].binned for place in places]).astype(np.float64)
        tested = (each.tolist() for each in significance(bins[places[0]], against, seen))
        for place, *both in zip(places, *tested, strict=True):
            mine = zip(found[bins[place].column], *both, strict=True)
            found[bins[place].column] = [
                one if one.psi is None else replace(one, chi_square=statistic, p_value=p_value)
                for one, statistic, p_value in mine
            ]
    return found


def judged(
    findings: dict[str, list[Finding]], volume: Sequence[int], calibration: Calibration | None
) -> dict[str, list[Finding]]:
    """Give the verdicts: Benjamini and Hochberg over everything that has rows enough, at the calibrated level."""
    tested = [
        (column, window)
        for column, found in findings.items()
        for window, one in enumerate(found)
        if one.p_value is not None and min(volume[window], one.reference_rows) >= MINIMUM_ROWS
    ]
    q_values = adjusted(np.array([findings[column][window].p_value or 0.0 for column, window in tested]))
    level = calibration.level if calibration else 0.0
    given = {column: [replace(one, verdict=TOO_FEW_ROWS) for one in found] for column, found in findings.items()}
    for (column, window), q_value in zip(tested, q_values.tolist(), strict=True):
        one = replace(given[column][window], q_value=q_value, exceeds=_exceeding(given[column][window]))
        given[column][window] = replace(one, verdict=_verdict(one, beyond=q_value < level))
    return given


def finding_table(
    findings: dict[str, list[Finding]], kinds: dict[str, str], cut: Cut, volume: Sequence[int]
) -> pl.DataFrame:
    """Return one row for each window and column."""
    own = [field.name for field in fields(Finding)]
    held = [(column, window, one) for column, found in findings.items() for window, one in enumerate(found)]
    data: dict[str, list[Any]] = {
        "window": [cut.names[window] for _, window, _ in held],
        "window_start": [cut.starts[window] for _, window, _ in held],
        "window_end": [cut.ends[window] for _, window, _ in held],
        "rows": [volume[window] for _, window, _ in held],
        "column": [column for column, _, _ in held],
        "kind": [kinds[column] for column, _, _ in held],
        **{name: [getattr(one, name) for _, _, one in held] for name in own},
    }
    return pl.DataFrame({name: pl.Series(name, data[name], dtype=dtype) for name, dtype in _TABLE.items()})


def _exceeding(found: Finding) -> tuple[str, ...]:
    """Return the measures that are at or over their threshold."""
    values = {name: getattr(found, name) for name in _THRESHOLDS}
    return tuple(name for name, value in values.items() if value is not None and abs(value) >= _THRESHOLDS[name])


def _verdict(found: Finding, *, beyond: bool) -> str:
    index = found.psi or 0.0
    if FROZEN in found.violations or any((_BROKEN[name](found) or 0.0) >= _HALF for name in found.violations):
        return MAJOR
    if beyond and index >= (_INDEX.major or 0.0):
        return MAJOR
    if found.vanished_categories or found.violations or (beyond and index >= (_INDEX.moderate or 0.0)):
        return MODERATE
    return SLIGHT if beyond else STABLE
