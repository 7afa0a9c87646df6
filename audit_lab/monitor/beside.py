"""Windows of a drift beside its reference, in frames to be drawn: bins with what chance allows, and densities.

Both come from the counts that a :class:`~audit_lab.monitor.drift.Drift` holds: no row of the log is read again.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.log.schema import TIME
from audit_lab.monitor.bins import MISSING, NumericBins
from audit_lab.monitor.findings import VANISHED_ROWS, VANISHED_SHARE
from audit_lab.monitor.windows import utc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.drift import Drift
    from audit_lab.monitor.window_counts import WindowCounts

__all__ = ["densities", "where_to_begin", "window_bins"]

#: In this share of windows without drift, every bin lies where chance allows it.
_CONFIDENCE = 0.95
#: So many counts of a window's rows in a bin are looked at one by one.
_MOST_COUNTS = 100_000
#: Densities are of so many intervals; a column with fewer values in the reference has one for each.
_INTERVALS = 40
#: The intervals hold this share of the reference's rows; what lies farther out is counted, and not drawn.
_WITHIN = 0.99

_BINS: dict[str, pl.DataType | type[pl.DataType]] = {
    "lower": pl.Float64,
    "upper": pl.Float64,
    "chance_low": pl.Float64,
    "chance_high": pl.Float64,
    "note": pl.String,
}
_DENSITIES: dict[str, pl.DataType | type[pl.DataType]] = {
    "window": pl.String,
    "window_start": TIME,
    "window_end": TIME,
    "rows": pl.Int64,
    "verdict": pl.String,
    "part": pl.String,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "window_rows": pl.Float64,
    "reference_rows": pl.Float64,
}


def window_bins(drift: Drift, column: str, since: datetime, until: datetime | None = None) -> pl.DataFrame:
    """Return the bins of a column in the windows that start in ``since <= start < until``, beside the reference.

    Parameters
    ----------
    drift, column
        Of which the bins are.
    since, until
        Which windows; the one that starts at `since` where `until` is None.

    Returns
    -------
    polars.DataFrame
        The columns of ``Drift.bins``, the windows' rows added up, and ``lower`` and ``upper``, the edges of a bin of
        numbers (``lower < value <= upper``, its lowest value included in the first; null where there is none);
        ``chance_low`` and ``chance_high``, between which the share lies in all bins at once in 95 % of windows of so
        many rows from where the reference came from; ``note``: ``new`` or ``gone`` of a category, ``outside`` of
        numbers beyond the reference's range, or null.

    Raises
    ------
    NotFoundError
        No such column was measured, or no window starts then.

    Notes
    -----
    A bin with x of the reference's N rows has ``BetaBinomial(n, x + 1/2, N - x + 1/2)`` of a window's n rows (Jeffreys'
    prior: Brown, Cai and DasGupta, *Interval Estimation for a Binomial Proportion*, 2001), each bin at a part of 5 %
    (Bonferroni). A category is gone as in the verdict's rule.
    """
    begin = utc(since)
    end = None if until is None else utc(until)
    starts = [one for one in drift.volume["window_start"] if one == begin or (end and begin <= one < end)]
    frames = [drift.bins(column, one) for one in starts or [begin]]
    summed = (
        pl.concat(frames)
        .group_by("bin", "order")
        .agg(pl.col("reference_rows").first(), pl.col("window_rows").sum())
        .sort("order")
    )
    known, seen = (summed[f"{side}_rows"].to_numpy() for side in ("reference", "window"))
    bins = drift.counts[drift.columns.index(column)].bins
    edges = _edges(bins) if isinstance(bins, NumericBins) else {}
    low, high = _chance(known, int(seen.sum()))
    numeric = isinstance(bins, NumericBins)
    notes = [
        _note(*row, int(known.sum()), int(seen.sum()), numeric=numeric)
        for row in zip(summed["bin"], known, seen, strict=True)
    ]
    bounds = [edges.get(order, (None, None)) for order in summed["order"]]
    added = {
        "lower": [one for one, _ in bounds],
        "upper": [one for _, one in bounds],
        "chance_low": low,
        "chance_high": high,
        "note": notes,
    }
    return summed.select(
        "bin", "order", "reference_rows", "window_rows", *(_share(side) for side in ("reference", "window"))
    ).hstack(pl.DataFrame(added, schema=_BINS))


def densities(drift: Drift, column: str) -> pl.DataFrame:
    """Return how many rows of each window, and of the reference, lie between which values of a numeric column.

    Returns
    -------
    polars.DataFrame
        ``window``, ``window_start``, ``window_end``, ``rows``, ``verdict`` and ``part``: ``inside``, with the interval
        from ``lower`` to ``upper``, or ``below``, ``above`` and ``missing``; ``window_rows``, ``reference_rows``
        (float64: where only percentiles of the reference are kept, rows are spread evenly between them).

    Raises
    ------
    NotFoundError
        No such column was measured.
    MisuseError
        It is not numeric, or the reference has no value of it.
    """
    if column not in drift.columns:
        message = f"Drift was not measured for column {column!r}"
        raise NotFoundError(message, f"Columns measured: {', '.join(drift.columns)}.")
    counts = drift.counts[drift.columns.index(column)]
    bins = counts.bins
    if not isinstance(bins, NumericBins) or not bins.values.size:
        message = f"{column!r} has no densities: it is not numeric, or the reference has no value of it"
        raise MisuseError(message, "Look at its bins instead.")
    edges = _intervals(bins)
    spread = _spread(bins, edges)
    known = _parts(bins.reference_cells @ spread, bins.missing_rows)
    verdicts = dict(drift.table.filter(column=column).select("window_start", "verdict").iter_rows())
    parts = [*(("inside", low, high) for low, high in itertools.pairwise(edges)), *_OUTSIDE]
    rows: list[tuple[Any, ...]] = []
    for place, (name, start, end, count) in enumerate(
        drift.volume.select("window", "window_start", "window_end", "rows").iter_rows()
    ):
        seen = _parts(_cells(counts, bins, place) @ spread, int(counts.binned[place][-1]))
        rows += [
            (name, start, end, count, verdicts.get(start), *part, one, other)
            for part, one, other in zip(parts, seen, known, strict=True)
        ]
    return pl.DataFrame(rows, schema=_DENSITIES, orient="row")


def where_to_begin(drift: Drift) -> tuple[str, datetime]:
    """Return the column and window to look at first: what is gone for good, else the farthest episode, else the first.

    Columns that move all the time, and windows that the log covers in part, are passed over.
    """
    gone = [one for one in drift.vanished if one.returned is None]
    if gone:
        first = max(gone, key=lambda one: one.reference_share)
        return first.column, first.gone_from
    calm = [one for one in drift.episodes if one.column not in drift.restless and not one.partial]
    if calm:
        farthest = max(calm, key=lambda one: (one.ongoing, one.highest_psi))
        return farthest.column, farthest.start
    return drift.columns[0], drift.volume["window_start"][-1]


_OUTSIDE = (("below", None, None), ("above", None, None), ("missing", None, None))


def _share(side: str) -> pl.Expr:
    total = pl.col(f"{side}_rows").sum()
    return (pl.col(f"{side}_rows") / pl.when(total > 0).then(total)).alias(f"{side}_share")


def _note(name: str, known: int, seen: int, all_known: int, all_seen: int, *, numeric: bool) -> str | None:
    if name == MISSING:
        return None
    if seen and not known:
        return "outside" if numeric else "new"
    gone = (
        not numeric
        and not seen
        and known >= VANISHED_SHARE * all_known
        and all_seen * known >= VANISHED_ROWS * all_known
    )
    return "gone" if gone else None


def _chance(known: NDArray[np.int64], rows: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest share that chance allows each bin, null without rows on either side."""
    total = int(known.sum())
    if not rows or not total:
        return np.full(known.size, np.nan), np.full(known.size, np.nan)
    tail = (1 - _CONFIDENCE) / (2 * known.size)
    ends = np.array([_between(rows, one + 0.5, total - one + 0.5, tail) for one in known.tolist()])
    return ends[:, 0] / rows, ends[:, 1] / rows


def _between(rows: int, alpha: float, beta: float, tail: float) -> tuple[int, int]:
    """Return the quantiles of ``BetaBinomial(rows, alpha, beta)`` at `tail` and at 1 - `tail`.

    `scipy.stats.betabinom.ppf` gives the same and adds the whole mass up anew for each step of its search. Here it is
    added up once, within 40 standard deviations of the mean; where these are more than 100,000 counts, of every
    n-th count, so that a quantile is right to a part in 100,000 of them.
    """
    from scipy.special import betaln

    both = alpha + beta
    mean = rows * alpha / both
    deviation = np.sqrt(rows * alpha * beta * (both + rows) / (both**2 * (both + 1)))
    first, last = max(0, int(mean - 40 * deviation) - 1), min(rows, int(mean + 40 * deviation) + 2)
    step = 1 + (last - first) // _MOST_COUNTS
    counts = np.arange(first, last + 1, step)
    density = betaln(counts + alpha, rows - counts + beta) - betaln(alpha, beta)
    mass = np.exp(density - np.log(rows + 1) - betaln(rows - counts + 1, counts + 1)) * step
    places = np.searchsorted(np.cumsum(mass), [tail, 1 - tail])
    low, high = counts[np.minimum(places, counts.size - 1)].tolist()
    return low, high


def _edges(bins: NumericBins) -> dict[int, tuple[float | None, float | None]]:
    """Return the edges of each bin by its number: below, the quantile bins, above."""
    if not bins.values.size:
        return {}
    ends = [float(bins.values[0]), *map(float, bins.edges), float(bins.values[-1])]
    inner = {place + 1: pair for place, pair in enumerate(itertools.pairwise(ends))}
    return {0: (None, ends[0]), **inner, len(ends): (ends[-1], None)}


def _intervals(bins: NumericBins) -> NDArray[np.float64]:
    """Return the edges of the intervals: about each value where they are few, else of one width."""
    values = bins.values[np.isfinite(bins.values)]
    if values.size <= 1:
        middle = float(values[0]) if values.size else 0.0
        return np.array([middle - 0.5, middle + 0.5])
    if values.size <= _INTERVALS and not bins.marked:
        middles = (values[1:] + values[:-1]) / 2
        return np.concatenate([[2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]])
    cumulated = np.cumsum(bins.value_rows) / bins.value_rows.sum()
    low, high = (
        float(bins.values[np.searchsorted(cumulated, part)]) for part in ((1 - _WITHIN) / 2, (1 + _WITHIN) / 2)
    )
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        low, high = float(values[0]), float(values[-1])
    return np.linspace(low, high, _INTERVALS + 1)


def _spread(bins: NumericBins, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which part of each cell's rows lies below, in each interval, and above: shape (cells, intervals + 2).

    A cell of one value lies in one interval whole. One between two values (and, where only percentiles are kept, one of
    a value, which stands for all since the value before) is spread evenly between them.
    """
    values = bins.values
    low, high = np.empty(2 * values.size + 1), np.empty(2 * values.size + 1)
    low[1::2] = high[1::2] = values
    low[0], high[0], low[-1], high[-1] = -np.inf, -np.inf, np.inf, np.inf
    low[2:-1:2], high[2:-1:2] = values[:-1], values[1:]
    if bins.marked:
        low[3::2] = values[:-1]
    bounds = np.concatenate([[-np.inf], edges, [np.inf]])
    with np.errstate(invalid="ignore"):  # an infinite value has no width, and takes no room
        width = high - low
    spans = np.isfinite(width) & (width > 0)
    spread = np.zeros((low.size, edges.size + 1))
    one = np.flatnonzero(~spans)
    spread[one, _interval_of(high[one], edges)] = 1.0
    for cell in np.flatnonzero(spans):
        covered = np.minimum(bounds[1:], high[cell]) - np.maximum(bounds[:-1], low[cell])
        spread[cell] = np.maximum(covered, 0.0) / width[cell]
    return spread


def _interval_of(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the interval of each value, from 0 for below; upper edges are included, and the lowest edge too."""
    places = np.searchsorted(edges, values, side="left")
    return np.where(values == edges[0], 1, places)


def _cells(counts: WindowCounts, bins: NumericBins, window: int) -> NDArray[np.int64]:
    cells = np.zeros(2 * bins.values.size + 1, dtype=np.int64)
    occurring = counts.occurring(window)
    cells[occurring["key"].to_numpy()] = occurring["rows"].to_numpy()
    return cells


def _parts(spread: NDArray[np.float64], missing: int) -> Sequence[float]:
    """Put what lies below and above behind the intervals, and missing last."""
    return [*spread[1:-1].tolist(), float(spread[0]), float(spread[-1]), float(missing)]
